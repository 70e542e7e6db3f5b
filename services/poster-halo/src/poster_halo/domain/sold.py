"""What a line sells, apart from which line it is: worked out once for all lines that sell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from poster_halo.domain.amounts import Amounts, Figures, Precision, amounts, original

SHORT_MAX = 255
LONG_MAX = 4000
_VARIABLE = re.compile(r"\$(?=\w)")
_NO_ORDER = frozenset({"", "n/a", "na", "none", "-"})

# The members of a decided line that what it sells depends on, besides its item, its warnings and,
# in a batch of several companies, the company's name.
SOLD_BY = (
    "quantity", "price", "cost", "total", "cost_total",
    "kind", "text", "name", "sku", "start", "end", "order",
)  # fmt: skip


class RefusedItem(NamedTuple):
    """An item that HaloPSA would not make, and its words."""

    product_key: str
    name: str
    text: str


class Item(NamedTuple):
    """What a product key is sold as; `missing` is a code when nothing can be sold yet."""

    item: int | None = None
    code: str | None = None
    tax: int | None = None
    missing: str | None = None
    created: str = ""
    refused: RefusedItem | None = None


@dataclass(frozen=True, eq=False)
class Sold:
    """Shared by the lines of one product, period and amount, of which a document has many.

    Two are the same only if they are one object, so lines can be counted by what they sell.
    `total` and `cost_total` are exact; the amounts are what is sent, their money in whole cents.
    """

    kind: str
    item: Item
    text: str
    details: str
    amounts: Amounts
    total: Decimal
    cost_total: Decimal
    start: str | None = None
    end: str | None = None  # the last day, as HaloPSA has it
    order: str = ""
    restated: bool = False
    warnings: tuple[str, ...] = ()

    @cached_property
    def figures(self) -> Figures:
        """The amounts as they are written everywhere."""
        return self.amounts.spelled()

    @cached_property
    def row(self) -> str:
        """What a plan's hash covers of it."""
        sums = self.figures
        return (
            f"{self.item.item}|{sums.quantity}|{sums.price}|{sums.cost}"
            f"|{self.start}|{self.end}|{self.text}"
        )

    @cached_property
    def rounding(self) -> tuple[Decimal, Decimal]:
        """What the exact totals have over the cents, price and cost."""
        sums = self.amounts
        return self.total - sums.money, self.cost_total - sums.cost_money


def sold_of(row: Mapping[str, Any], item: Item, to: Precision, *, several_companies: bool) -> Sold:
    """From one decided line, as parsed from the message (amounts are strings)."""
    get = row.get
    units = [None if (one := get(name)) is None else Decimal(one) for name in SOLD_BY[:3]]
    quantity, price, cost = units
    total, cost_total = Decimal(row["total"]), Decimal(row["cost_total"])
    sent = amounts(quantity, (price, cost), (total, cost_total), to)
    text = escaped(get("text") or get("name") or get("sku") or "Charge")
    details = [text] if len(text) > SHORT_MAX else []
    if several_companies and get("company_name"):
        details.append(escaped(str(row["company_name"])))
    if sent.restated and (given := original(quantity, price)):
        details.append(f"Originally {given}")
    start = get("start")
    return Sold(
        kind=get("kind", "seat"),
        item=item,
        text=cut(text, SHORT_MAX),
        details=cut("\n".join(details), LONG_MAX),
        amounts=sent._replace(restated=False),
        total=total,
        cost_total=cost_total,
        start=start,
        end=_last_day(start, get("end")),
        order=order_of(get("order")),
        restated=sent.restated,
        warnings=tuple(get("warnings") or ()),
    )


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


@lru_cache(maxsize=1024)  # a document has few periods and many lines
def _last_day(start: str | None, end: str | None) -> str | None:
    if end is None:
        return None
    last = (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    return max(last, start) if start else last
