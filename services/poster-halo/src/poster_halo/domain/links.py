"""Which recurring invoice line is to count a licence, and what that changes; unclear is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from poster_halo.domain.counted_lines import (
    BY_HAND,
    BY_LICENCES,
    Link,
    Recurring,
    RecurringLine,
    billed,
    bills_old,
    entries_with,
    fits,
    fixed,
    licence_in,
    places,
    quantity_of,
)
from poster_halo.domain.licences import Counted, Licence
from poster_halo.domain.recurring import MONTHLY
from schemas.count_settings import EffectiveCount
from schemas.counts import CountLink
from schemas.ids import digest
from schemas.money import plain

PRICE_MISSING = "count-price-missing"


@dataclass(frozen=True, slots=True)
class There:
    """One look: licences, recurring invoices by client, and what a new line would need.

    `named`: by client the recurring invoice that the mapping names. `currency`: the tenant's, 0 if
    HaloPSA does not know it.
    """

    licences: Mapping[int, Licence]
    recurring: Mapping[int, Sequence[Recurring]]
    named: Mapping[int, int] = field(default_factory=dict)
    prices: Mapping[int, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)
    currency: int = 0
    may_create: bool = False


class _Held(Exception):  # noqa: N818 - a decision, not an error
    """The link waits for a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


def plan_link(entry: Counted, rule: EffectiveCount, there: There) -> Link:
    """What would make the client's recurring invoice count this licence by its rule."""
    row = CountLink(
        client=entry.client,
        client_name=entry.client_name,
        product=entry.product,
        item=entry.item or 0,
        licence=entry.licence or 0,
        operation="held",
        free=rule.free,
        minimum=rule.minimum,
        pro_rata=rule.pro_rata,
    )
    recurring: Recurring | None = None
    try:
        recurring, line = _place(entry, there)
        link = _change(row, entry, rule, there, recurring, line)
    except _Held as held:
        return Link(row.model_copy(update={"code": held.code, "text": held.text}))
    said = _said(entry, there, recurring)
    return (
        link
        if not said
        else Link(link.row.model_copy(update={"text": said}), link.name, link.price, link.cost)
    )


def _place(entry: Counted, there: There) -> tuple[Recurring | None, RecurringLine | None]:
    """Where the link stands or belongs; no invoice: it would be a new one."""
    if not entry.licence or entry.licence not in there.licences or not entry.item:
        text = f"product {entry.product} of client {entry.client} has no licence: sync first"
        raise _Held("count-not-posted", text)
    mine = [one for one in there.recurring.get(entry.client, ()) if not one.disabled]
    counting = [(r, line) for r in mine for line in r.lines if line.link_to(entry.licence)]
    if len(counting) > 1:
        raise _Held("licence-linked-twice", f"{places(counting)} both count it: unlink one")
    if counting:
        if counting[0][1].item != entry.item:
            text = f"{places(counting)} counts it for item {counting[0][1].item}, not {entry.item}"
            raise _Held("licence-linked-elsewhere", f"{text}: change the line or the mapping")
        return counting[0]
    named = _named(entry, there)
    if named is not None:
        mine = [named]
    lines = [
        (r, line)
        for r in mine
        for line in r.lines
        if line.item == entry.item and not line.ours and not line.passing
    ]
    if len(lines) > 1:
        raise _Held("recurring-line-ambiguous", f"{places(lines)} sell it: leave one, or link it")
    if lines:
        return lines[0]
    return _target(entry, mine, there), None


def _named(entry: Counted, there: There) -> Recurring | None:
    number = there.named.get(entry.client)
    if number is None:
        return None
    found = [one for rows in there.recurring.values() for one in rows if one.id == number]
    if not found:
        raise _Held("recurring-gone", f"recurring invoice {number} is not in HaloPSA any more")
    one = found[0]
    if one.disabled:
        raise _Held("recurring-disabled", f"recurring invoice {one.number} is disabled: enable it")
    if one.client != entry.client:
        text = f"recurring invoice {one.number} belongs to client {one.client}: name another one"
        raise _Held("recurring-other-client", text)
    return one


def _target(entry: Counted, mine: Sequence[Recurring], there: There) -> Recurring | None:
    monthly = [one for one in mine if one.period == MONTHLY]
    if len(monthly) > 1:
        numbers = ", ".join(str(one.number) for one in monthly)
        text = f"a line could go on recurring invoices {numbers}: name one in the mapping"
        raise _Held("recurring-ambiguous", text)
    if monthly:
        if there.currency and monthly[0].currency not in (0, there.currency):
            text = f"recurring invoice {monthly[0].number} is in another currency than our prices"
            raise _Held("currency-mismatch", text)
        return monthly[0]
    if not there.may_create:
        text = (
            f"client {entry.client} has no monthly recurring invoice: make one, or let one be made"
            " (counts.create_recurring)"
        )
        raise _Held("recurring-missing", text)
    return None


def _change(
    row: CountLink,
    entry: Counted,
    rule: EffectiveCount,
    there: There,
    recurring: Recurring | None,
    line: RecurringLine | None,
) -> Link:
    others = len(recurring.lines) - (line is not None) if recurring else 0
    update: dict[str, Any] = {
        "recurring": recurring.id if recurring else None,
        "line": line.id if line else None,
        "foreign_lines": others,
    }
    price, cost = rule.price, rule.cost
    if line is None:
        assert entry.item is not None, "what has no item has no place"
        own_price, own_cost = there.prices.get(entry.item, (None, None))
        price = price if price is not None else own_price
        cost = cost if cost is not None else own_cost
        if price is None:
            text = f"item {entry.item} has no price: set one in the rule of {entry.product}"
            raise _Held(PRICE_MISSING, text)
        update |= {"operation": "add-line" if recurring else "create", "bills_now": 0}
    else:
        price = cost = None
        foreign = [one for one in line.links if licence_in(one) != row.licence]
        if line.counts_by != BY_LICENCES and (line.counts_by != BY_HAND or foreign):
            where = places([(recurring, line)])
            raise _Held("recurring-line-calculated", f"{where} counts something else: change that")
        link = line.link_to(row.licence)
        same = link is not None and fits(link, row)
        update |= {
            "operation": "none" if same else "link",
            "bills_now": billed(line, there.licences),
        }
    made = row.model_copy(update=update)
    links = entries_with(line.links if line else (), made)
    then: dict[str, Any] = {"bills_then": quantity_of(links, there.licences)}
    if made.operation != "none":
        then["hash"] = _hash(made, recurring, line, price, cost)
    return Link(made.model_copy(update=then), entry.name, price, cost)


def _hash(
    row: CountLink,
    recurring: Recurring | None,
    line: RecurringLine | None,
    price: Decimal | None,
    cost: Decimal | None,
) -> str:
    """The change, its target and what must be so; a count may go on moving."""
    return digest(
        "count-link",
        *(row.client, row.product, row.item, row.licence, row.operation),
        *(row.free, row.minimum, row.pro_rata),
        *("" if amount is None else plain(amount) for amount in (price, cost)),
        repr(recurring.status) if recurring else "",
        fixed(line.raw) if line else "",
    )


def _said(entry: Counted, there: There, recurring: Recurring | None) -> str:
    if not entry.held or not entry.licence or recurring is None:
        return ""
    old = bills_old([recurring], entry.licence, there.licences)
    return f"the count is held ({entry.held}){': ' if old else ''}{old}"
