"""The lines a batch wants to stand at the destination, in the destination's precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic_core import from_json

from poster_halo.domain.amounts import Amounts, Precision
from poster_halo.domain.sold import SOLD_BY, Item, Sold, order_of, sold_of
from schemas.money import ZERO
from schemas.rows import maker, rows_in

_ORDER = "order:"  # of a selection's term

# What lines sold before, by all that it depends on.
Met = dict[tuple[Any, ...], Sold]


class Before(NamedTuple):
    """R14: what a line of an older document, which this one replaces, has posted already."""

    settled: Decimal
    settled_cost: Decimal
    is_settled: bool  # nothing is left to post
    counts: int = 1  # 0: a credit of an older document's line, no line of this one


@dataclass(slots=True)
class Desired:
    """One kept line: which it is, what it sells, and the code that holds it."""

    id: str
    slot: str
    sold: Sold
    hold: str | None = None
    before: Before | None = None

    @property
    def amounts(self) -> Amounts:
        """What is sent."""
        return self.sold.amounts

    @property
    def is_settled(self) -> bool:
        """An older document has posted it whole."""
        return self.before is not None and self.before.is_settled


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a decided line says, apart from its id and slot: one object for all that say it."""

    row: Mapping[str, Any]

    @property
    def is_kept(self) -> bool:
        return bool(self.row["outcome"] == "kept")


class Decided(NamedTuple):
    """One decided line."""

    id: str
    slot: str
    said: Said


_decided = maker(Decided)


def desired_lines(
    lines: Sequence[Decided],
    items: Mapping[str, Item],
    to: Precision,
    selection: Collection[str] = (),
    met: Met | None = None,
) -> list[Desired]:
    """The kept ones of the decided lines.

    `met` is what was sold before, in the same precision: customers buy the same products.
    """
    kept = [said for said in dict.fromkeys([line.said for line in lines]) if said.is_kept]
    several = len({said.row.get("company") for said in kept}) > 1
    names = (*SOLD_BY, "company_name") if several else SOLD_BY
    met = {} if met is None else met
    none = Item()
    sells: dict[Said, Sold] = {}
    for said in kept:
        get = said.row.get
        item = items.get(get("product_key") or "", none)
        alike = (item, *map(get, names), *(get("warnings") or ()))
        sold = met.get(alike)
        if sold is None:
            sold = met[alike] = sold_of(said.row, item, to, several_companies=several)
        sells[said] = sold
    wanted = [
        Desired(name, slot or name, sold, sold.item.missing)
        for name, slot, said in lines
        if (sold := sells.get(said)) is not None
    ]
    if selection:
        _hold_the_rest(wanted, lines, selection)
    return wanted


def _hold_the_rest(
    wanted: Iterable[Desired], lines: Iterable[Decided], selection: Collection[str]
) -> None:
    """R13: lines that no term of the selection names wait as `not-selected`."""
    by_order = (term.removeprefix(_ORDER) for term in selection if term.startswith(_ORDER))
    chosen = {*selection, *(_ORDER + order_of(name) for name in by_order)}
    named = {
        line.id
        for line in lines
        if line.id in chosen or not chosen.isdisjoint(_groups(line.said.row))
    }
    for line in wanted:
        if line.id not in named:
            line.hold = "not-selected"


def _groups(row: Mapping[str, Any]) -> list[str]:
    """The terms, besides its id, that name a line."""
    return [
        _ORDER + order_of(row.get("order")),
        f"subscription:{row.get('subscription')}",
        *(f"product:{row.get(name)}" for name in ("product_key", "product", "sku")),
        f"type:{row.get('kind')}",
    ]


def decided_lines(body: bytes) -> list[Decided]:
    """The decided lines of a message; they were checked when the normalizer wrote them."""
    cut = rows_in(body, lambda members: Said(from_json(members, cache_strings="all")))
    if cut is not None:
        return [_decided((row.id, row.slot or "", said)) for row, said in cut]
    whole: list[dict[str, Any]] = from_json(body or b"[]", cache_strings="all")
    return [Decided(row["id"], row.get("slot") or "", Said(row)) for row in whole]


def counted(lines: Iterable[Desired]) -> Iterable[tuple[Sold, int]]:
    """What is sold, and how many times."""
    return Counter([line.sold for line in lines]).items()


def come_to(lines: Iterable[Desired]) -> tuple[Decimal, Decimal]:
    """What the lines come to at the destination, price and cost, in whole cents."""
    price, cost = ZERO, ZERO
    for sold, times in counted(lines):
        price += sold.amounts.money * times
        cost += sold.amounts.cost_money * times
    return price, cost
