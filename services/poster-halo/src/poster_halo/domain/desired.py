"""The lines a batch wants to stand at the destination, in the destination's precision."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json

from poster_halo.domain.amounts import Amounts, Precision, amounts, original
from schemas.money import ZERO, plain

SHORT_MAX = 255
LONG_MAX = 4000
_VARIABLE = re.compile(r"\$(?=\w)")
_NO_ORDER = frozenset({"", "n/a", "na", "none", "-"})


class Figures(NamedTuple):
    """The amounts of a line as decimal strings."""

    quantity: str
    price: str
    cost: str
    money: str
    cost_money: str


@dataclass(slots=True)
class Desired:
    """One kept line. `total` and `cost_total` are exact, `money` and `cost_money` whole cents."""

    id: str
    slot: str
    kind: str
    item: int | None
    code: str | None
    tax: int | None
    text: str
    details: str
    quantity: Decimal
    price: Decimal
    cost: Decimal
    money: Decimal
    cost_money: Decimal
    total: Decimal
    cost_total: Decimal
    start: str | None
    end: str | None  # the last day, as HaloPSA has it
    order: str
    restated: bool
    hold: str | None = None
    warnings: tuple[str, ...] = ()
    settled: Decimal = ZERO  # R14: what an older document's line has posted of it already
    settled_cost: Decimal = ZERO
    is_settled: bool = False  # nothing is left to post
    counts: int = 1  # 0: a credit of an older document's line, no line of this one
    _figures: Figures | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def figures(self) -> Figures:
        """Spelled once for the digest, the plan view, the invoice and the posting."""
        if self._figures is None:
            self._figures = _spelled(self)
        return self._figures


@dataclass(frozen=True, slots=True)
class Item:
    """What a product key is sold as; `missing` is a code when nothing can be sold yet."""

    item: int | None = None
    code: str | None = None
    tax: int | None = None
    missing: str | None = None
    created: str = ""


def desired_lines(
    rows: Sequence[Mapping[str, Any]],
    items: Mapping[str, Item],
    to: Precision,
    selection: Collection[str] = (),
    met: dict[Given, Sums] | None = None,
) -> list[Desired]:
    """The kept ones of the decided lines, as parsed from the message (amounts are strings).

    `met` is what amounts came to before, in the same precision: customers buy the same products.
    """
    kept = [row for row in rows if row["outcome"] == "kept"]
    several = len({row.get("company") for row in kept}) > 1
    chosen = frozenset(selection)
    none = Item()
    met = {} if met is None else met
    lines = []
    for row in kept:
        get = row.get
        given = get("quantity"), get("price"), get("cost"), row["total"], row["cost_total"]
        sums = met.get(given)
        if sums is None:
            sums = met[given] = _sums(given, to)
        item = items.get(get("product_key") or "", none)
        line = _line(row, item, sums, several_companies=several)
        if chosen and line.id not in chosen:
            line.hold = "not-selected"
        elif item.missing is not None:
            line.hold = item.missing
        lines.append(line)
    return lines


# Quantity, price, cost, total and total cost as the message spells them.
Given = tuple[str | None, str | None, str | None, str, str]


class Sums(NamedTuple):
    """What the amounts of a line come to; `original` is for a restated line's text."""

    sent: Amounts
    figures: Figures
    total: Decimal
    cost_total: Decimal
    original: str


def _sums(given: Given, to: Precision) -> Sums:
    quantity, price, cost = (None if one is None else Decimal(one) for one in given[:3])
    total, cost_total = Decimal(given[3]), Decimal(given[4])
    sent = amounts(quantity, (price, cost), (total, cost_total), to)
    text = original(quantity, price) if sent.restated else ""
    return Sums(sent, _spelled(sent), total, cost_total, text)


def _spelled(line: Desired | Amounts) -> Figures:
    return Figures(
        plain(line.quantity),
        plain(line.price),
        plain(line.cost),
        plain(line.money),
        plain(line.cost_money),
    )


def _line(row: Mapping[str, Any], item: Item, sums: Sums, *, several_companies: bool) -> Desired:
    get = row.get
    sent = sums.sent
    text = escaped(get("text") or get("name") or get("sku") or "Charge")
    details = [text] if len(text) > SHORT_MAX else []
    if several_companies and get("company_name"):
        details.append(escaped(str(row["company_name"])))
    if sums.original:
        details.append(f"Originally {sums.original}")
    start = get("start")
    line = Desired(
        id=row["id"],
        slot=get("slot") or row["id"],
        kind=get("kind", "seat"),
        item=item.item,
        code=item.code,
        tax=item.tax,
        text=cut(text, SHORT_MAX),
        details=cut("\n".join(details), LONG_MAX) if details else "",
        quantity=sent.quantity,
        price=sent.price,
        cost=sent.cost,
        money=sent.money,
        cost_money=sent.cost_money,
        total=sums.total,
        cost_total=sums.cost_total,
        start=start,
        end=_last_day(start, get("end")),
        order=order_of(order) if (order := get("order")) else "",
        restated=sent.restated,
        warnings=tuple(given) if (given := get("warnings")) else (),
    )
    line._figures = sums.figures  # as the property would spell them
    return line


def order_of(given: str | None) -> str:
    """R9: "N/A" and empty are one group."""
    text = (given or "").strip()
    return "" if text.lower() in _NO_ORDER else text


def escaped(text: str) -> str:
    """HaloPSA takes a dollar sign before a word for a variable and swallows both."""
    return _VARIABLE.sub("$ ", text) if "$" in text else text


def cut(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units, which is how the destination counts; no character is halved."""
    if len(text) * 2 <= limit or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= limit:
        return text
    kept = text[: limit - 1]
    while len(kept.encode("utf-16-le", "surrogatepass")) // 2 > limit - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def decided_rows(body: bytes) -> list[dict[str, Any]]:
    """The decided lines of a message; they were checked when the normalizer wrote them."""
    rows: list[dict[str, Any]] = from_json(body or b"[]", cache_strings="keys")
    return rows


@lru_cache(maxsize=1024)  # a document has few periods and many lines
def _last_day(start: str | None, end: str | None) -> str | None:
    if end is None:
        return None
    last = (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    return max(last, start) if start else last
