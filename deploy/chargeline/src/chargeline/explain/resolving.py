"""Clients and items once more, from lifecycle's catalogs and its decisions about products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from chargeline.explain.reading import OnlyDecisions
from lifecycle.domain import holds
from lifecycle.domain.clients import Billable, Client, Clients
from lifecycle.domain.items import Item, ItemHold, ItemRecord, Items, missing_codes
from lifecycle.domain.resolve import (
    Answer,
    Batch,
    Held,
    ItemStep,
    Match,
    Resolved,
    client_of,
    codes_hold,
    default_item,
    incomplete,
    items_of,
    match_products,
    products_to_match,
)
from schemas.ids import derive_id
from schemas.settings import Settings

NOT_RESOLVED = "not-resolved"
_INTEGRATED = ("quickbooks_ast", "xero_auto")


class _Catalog(BaseModel):
    """A list as lifecycle keeps it; the newest one of the connection."""

    model_config = ConfigDict(extra="ignore")

    clients: tuple[Client, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """What lifecycle has listed and decided at one connection; None: never listed."""

    clients: Clients | None
    items: _Catalog | None
    known: Mapping[str, ItemRecord]


async def read_decisions(
    records: OnlyDecisions, tenant: str, settings: Settings, batches: Sequence[Batch]
) -> Decisions:
    """Catalogs of the settings' HaloPSA, and the records of the products of these batches."""
    connection = derive_id("connection", tenant, "halopsa", settings.halopsa.url)

    async def catalog(what: str) -> _Catalog | None:
        record = await records.get(tenant, "catalogs", f"{connection}/{what}")
        return None if record is None else _Catalog.model_validate_json(record.body)

    known: dict[str, ItemRecord] = {}
    for key in products_to_match(batches):
        record = await records.get(tenant, "items", key)
        if record is not None:
            found = ItemRecord.model_validate_json(record.body)
            if found.connection == connection:
                known[key] = found
    clients = await catalog("clients")
    return Decisions(Clients(clients.clients) if clients else None, await catalog("items"), known)


def resolve(
    batches: Sequence[Batch], decisions: Decisions, settings: Settings
) -> dict[str, Answer]:
    """Client and items of every batch, or what holds it."""
    batches = sorted(batches, key=lambda batch: batch.id)
    answers: dict[str, Answer] = {}
    billed: dict[str, Billable | None] = {}
    for batch in batches:
        got = _client(batch, decisions, settings)
        if isinstance(got, Held):
            answers[batch.id] = got
        else:
            billed[batch.id] = got
    with_client = [batch for batch in batches if batch.id in billed]
    step = _items(with_client, decisions, settings)
    for batch in with_client:
        choices = items_of(batch, step) if step is not None else _unlisted(batch)
        resolved = choices if isinstance(choices, Held) else Resolved(billed[batch.id], choices)
        answers[batch.id] = resolved
    return incomplete(batches, answers)


def _client(batch: Batch, decisions: Decisions, settings: Settings) -> Billable | Held | None:
    if decisions.clients is None and batch.would_post and batch.head.client is not None:
        text = "HaloPSA's clients were never listed: `chargeline plan RUN` lists them"
        return Held((holds.batch_held(batch.head, NOT_RESOLVED, text),))
    return client_of(batch, decisions.clients or Clients(()), settings)


def _items(batches: Sequence[Batch], decisions: Decisions, settings: Settings) -> ItemStep | None:
    modes = {b.head.policy.lifecycle for b in batches if b.uses.products}
    if modes <= {"off"}:
        return ItemStep(Items(()), {})
    if decisions.items is None:
        return None
    items = Items(decisions.items.items)
    by_rule = [b for b in batches if b.head.policy.lifecycle in ("manual", "create")]
    uses = products_to_match(by_rule)
    matches = match_products(uses, items, settings, batches[0].head.source, decisions.known)
    create = products_to_match(b for b in batches if b.head.policy.lifecycle == "create")
    return ItemStep(
        items=items,
        matches=matches,
        default=default_item(items, settings) if "default" in modes else None,
        codes=_codes([key for key in create if matches[key] is None], matches, decisions, settings),
    )


def _codes(
    to_make: Sequence[str],
    matches: Mapping[str, Match],
    decisions: Decisions,
    settings: Settings,
) -> ItemHold | None:
    """Lifecycle asked HaloPSA for its integration; that it proposed an item says the answer."""
    if not to_make or not missing_codes(settings):
        return None
    assert all(matches[key] is None for key in to_make), "only what nothing matches is made"
    integrated = settings.halopsa.tax_by in _INTEGRATED
    if not integrated and any(key in decisions.known for key in to_make):
        return None
    return codes_hold(settings, integration=True if integrated else None)


def _unlisted(batch: Batch) -> Held:
    text = "HaloPSA's items were never listed: `chargeline plan RUN` lists them"
    return Held((holds.batch_held(batch.head, NOT_RESOLVED, text),))
