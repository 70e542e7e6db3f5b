"""The decision for every batch of a run: its client and items, or what holds it.

Values in, values out. What is needed is asked for step by step, so that a run lists only what it
must: clients first, then items if a product needs one, then what a new item would need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lifecycle.domain import holds
from lifecycle.domain.clients import Billable, Clients, Refusal
from lifecycle.domain.items import (
    ItemHold,
    ItemRecord,
    Items,
    choice,
    missing_codes,
    proposal,
    proposed,
    recorded,
)
from schemas.charges import ItemChoice
from schemas.messages import ChargesNormalized, Hold
from schemas.settings import Settings
from schemas.uses import NO_PRODUCT, ProductUse, Uses

Match = ItemChoice | ItemHold | None  # None: no item is meant by it


@dataclass(frozen=True)
class Batch:
    """A normalized batch: what its message said, and what its lines come to."""

    head: ChargesNormalized
    uses: Uses

    @property
    def id(self) -> str:
        return self.head.batch

    @property
    def would_post(self) -> bool:
        """Something would change at the destination.

        An empty batch of a client on a recurring invoice takes the last document's lines away.
        """
        empties = self.head.policy.behaviour == "recurring" and self.head.client is not None
        return self.head.kept_lines > 0 or empties


@dataclass(frozen=True)
class Resolved:
    """Client and items of a batch are known."""

    billable: Billable | None = None
    choices: Mapping[str, ItemChoice] = field(default_factory=dict)

    @property
    def proposed(self) -> int:
        """Items that CreateItems would make."""
        return sum(c.proposed for c in self.choices.values())


@dataclass(frozen=True)
class Held:
    """The batch waits for a person; the first hold gives the code."""

    holds: tuple[Hold, ...]


Answer = Resolved | Held


def client_of(batch: Batch, clients: Clients, settings: Settings) -> Billable | Held | None:
    """Whom the batch is billed to, or the holds that forbid it, those on its lines included."""
    head = batch.head
    found: list[Hold] = []
    if head.hold is not None and head.hold not in {u.code for u in batch.uses.held}:
        found.append(holds.source_held(head, head.hold))
    billable: Billable | None = None
    if head.client is not None and batch.would_post:
        recurring = head.policy.behaviour == "recurring"
        got = clients.billable(
            head.client, head.currency, settings.tenant.currency, recurring=recurring
        )
        if isinstance(got, Refusal):
            found.append(holds.client_refused(head, batch.uses.companies, got))
        else:
            billable = got
    elif head.kept_lines > 0 and head.hold is None:
        found += [
            holds.unmapped(u, clients.suggest(u.name), head.source) for u in batch.uses.companies
        ]
    if head.hold is not None or not head.policy.post_partial:  # R12: one line holds its batch
        found += [holds.line_held(u, head.document) for u in batch.uses.held]
    return Held(tuple(found)) if found else billable


def products_to_match(batches: Iterable[Batch]) -> dict[str, ProductUse]:
    """Product keys of these batches, each as its first batch has it; prices from the first that
    has a subscription line. `batches` are in order of their ids, so no arrival order matters."""
    found: dict[str, ProductUse] = {}
    for batch in batches:
        for use in batch.uses.products:
            if use.key == NO_PRODUCT:
                continue
            first = found.setdefault(use.key, use)
            if first.unit_price is None and use.unit_price is not None:
                prices = {"unit_price": use.unit_price, "unit_cost": use.unit_cost}
                found[use.key] = first.model_copy(update=prices)
    return found


def match_products(
    uses: Mapping[str, ProductUse],
    items: Items,
    settings: Settings,
    source: str,
    known: Mapping[str, ItemRecord],
) -> dict[str, Match]:
    """R7's matching for every product key."""
    return {
        key: items.match(use, settings, source, known.get(key)) for key, use in sorted(uses.items())
    }


def default_item(items: Items, settings: Settings) -> ItemChoice | ItemHold:
    """What everything is sold as in the mode `default`."""
    number = settings.defaults.item
    if number is None:
        text = "the lifecycle is `default` and no default item is set: set `item` under [defaults]"
        return ItemHold(holds.DEFAULT_MISSING, text)
    item = items.get(number)
    if item is None:
        text = (
            f"the default item {number} is closed or not in HaloPSA:"
            " set another `item` under [defaults]"
        )
        return ItemHold(holds.DEFAULT_MISSING, text)
    return choice("", item, "default item")


def codes_hold(settings: Settings, *, integration: bool | None) -> ItemHold | None:
    """R8: what keeps items from being made. `integration` None: HaloPSA would not say."""
    missing = missing_codes(settings)
    if not missing or integration is False:
        return None
    what = " and ".join(missing)
    why = (
        "HaloPSA has an accounting integration"
        if integration
        else "HaloPSA does not tell whether it has an accounting integration"
    )
    text = f"{why}, and a new item would have no {what} code: set {what} under [defaults]"
    return ItemHold(holds.CODE_MISSING, text)


@dataclass(frozen=True)
class ItemStep:
    """What is known about items when the batches are decided."""

    items: Items
    matches: Mapping[str, Match]
    default: ItemChoice | ItemHold | None = None
    codes: ItemHold | None = None


def items_of(batch: Batch, step: ItemStep) -> dict[str, ItemChoice] | Held:
    """What each product of the batch is sold as, or the products that hold it."""
    mode = batch.head.policy.lifecycle
    choices: dict[str, ItemChoice] = {}
    found: list[Hold] = []
    for use in batch.uses.products:
        if mode == "off":
            choices[use.key] = ItemChoice(product_key=use.key, evidence="lifecycle off")
            continue
        got = _default(use, step) if mode == "default" else _matched(use, step, mode)
        if isinstance(got, ItemHold):
            found.append(holds.product_held(use, got))
        else:
            choices[use.key] = got
    choices.pop(NO_PRODUCT, None)
    return Held(tuple(found)) if found else choices


def _default(use: ProductUse, step: ItemStep) -> ItemChoice | ItemHold:
    got = step.default
    assert got is not None, "the default item was looked up"
    return got.model_copy(update={"product_key": use.key}) if isinstance(got, ItemChoice) else got


def _matched(use: ProductUse, step: ItemStep, mode: str) -> ItemChoice | ItemHold:
    if use.key == NO_PRODUCT:
        return ItemHold(holds.NO_PRODUCT_CODE, "these lines name neither product nor SKU")
    got = step.matches[use.key]
    if isinstance(got, ItemHold):
        return holds.map_product(got, use.key)
    if got is not None:
        return got
    if mode == "create":
        return step.codes or proposal(use)
    unmatched = ItemHold(
        holds.UNMATCHED,
        f"no open HaloPSA item for {use.name or use.key}",
        step.items.suggest(use.name),
    )
    return holds.map_product(unmatched, use.key)


def incomplete(batches: Sequence[Batch], answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """R7, manual: nothing of the run is applied while a line to be posted lacks its item.

    A batch that another reason holds would not be posted, so its products hold nobody else.
    """
    unmatched = {
        h.product_key
        for b in batches
        if b.head.policy.lifecycle == "manual" and isinstance(answer := answers[b.id], Held)
        for h in answer.holds
        if h.code in holds.WITHOUT_ITEM
    }
    if not unmatched:
        return dict(answers)
    text = (
        f"{len(unmatched)} products of this run have no item yet, and the lifecycle is `manual`:"
        " `chargeline mappings product` maps them"
    )
    return {
        b.id: Held((holds.batch_held(b.head, holds.INCOMPLETE, text),))
        if b.would_post and isinstance(answers[b.id], Resolved)
        else answers[b.id]
        for b in batches
    }


def records_to_keep(
    step: ItemStep,
    uses: Mapping[str, ProductUse],
    answers: Iterable[Answer],
    known: Mapping[str, ItemRecord],
    connection: str,
) -> list[ItemRecord]:
    """Decisions and proposals that are new: what is being made or was made stays as it is."""
    asked = {
        key
        for answer in answers
        if isinstance(answer, Resolved)
        for key, c in answer.choices.items()
        if c.proposed
    }
    keep: list[ItemRecord] = []
    for key, match in step.matches.items():
        there = known.get(key)
        if isinstance(match, ItemChoice):
            new = recorded(match, connection)
            if match.evidence == "our map" or (there and there.item == match.item):
                continue
        elif match is None and key in asked and not (there and there.state == "creating"):
            new = proposed(uses[key], connection)
        else:
            continue
        if new != there:
            keep.append(new)
    return keep
