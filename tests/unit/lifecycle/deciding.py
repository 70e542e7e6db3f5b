"""The steps of ResolveRun without a vendor, and short words for what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.domain.clients import Client, Clients
from lifecycle.domain.items import Item, ItemRecord, Items
from lifecycle.domain.resolve import (
    Answer,
    Batch,
    Held,
    ItemStep,
    Resolved,
    client_of,
    codes_hold,
    default_item,
    incomplete,
    items_of,
    match_products,
    products_to_match,
)
from schemas.settings import Settings
from support.lifecycle import (
    client,
    item,
    line,
    settings,
)

PREMIUM, BASIC = item(901), item(902, "Basic")


def basic(number: int = 2, **changes: Any) -> Any:
    return line(
        number, **({"product_key": "pax8:p2:monthly", "name": "Basic", "sku": None} | changes)
    )


def resolve(
    *batches: Batch,
    clients: Sequence[Client] = (client(),),
    items: Sequence[Item] = (PREMIUM,),
    known: Mapping[str, ItemRecord] | None = None,
    integration: bool | None = False,
    given: Settings | None = None,
) -> dict[str, Answer]:
    """The job's steps, without a vendor."""
    with_settings = given or settings()
    all_items = Items(items)
    uses = products_to_match(batches)
    step = ItemStep(
        items=all_items,
        matches=match_products(uses, all_items, with_settings, "pax8", known or {}),
        default=default_item(all_items, with_settings),
        codes=codes_hold(with_settings, integration=integration),
    )
    answers: dict[str, Answer] = {}
    for batch in batches:
        billed = client_of(batch, Clients(clients), with_settings)
        if isinstance(billed, Held):
            answers[batch.id] = billed
            continue
        choices = items_of(batch, step)
        answers[batch.id] = choices if isinstance(choices, Held) else Resolved(billed, choices)
    return incomplete(batches, answers)


def codes(answer: Answer) -> list[str]:
    assert isinstance(answer, Held)
    return [hold.code for hold in answer.holds]


def choices(answer: Answer) -> dict[str, int | None]:
    assert isinstance(answer, Resolved)
    return {key: choice.item for key, choice in answer.choices.items()}
