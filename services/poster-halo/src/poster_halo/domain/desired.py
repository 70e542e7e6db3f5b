"""The lines a batch wants to stand at the destination, in the destination's precision."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from poster_halo.domain.amounts import Precision, amounts, original
from schemas.money import ZERO

SHORT_MAX = 255
LONG_MAX = 4000
_VARIABLE = re.compile(r"\$(?=\w)")
_NO_ORDER = frozenset({"", "n/a", "na", "none", "-"})


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
) -> list[Desired]:
    """The kept ones of the decided lines, as parsed from the message (amounts are strings)."""
    kept = [row for row in rows if row["outcome"] == "kept"]
    several = len({row.get("company") for row in kept}) > 1
    chosen = frozenset(selection)
    none = Item()
    lines = []
    for row in kept:
        item = items.get(row.get("product_key") or "", none)
        line = _line(row, item, to, several_companies=several)
        if chosen and line.id not in chosen:
            line.hold = "not-selected"
        elif item.missing is not None:
            line.hold = item.missing
        lines.append(line)
    return lines


def _line(row: Mapping[str, Any], item: Item, to: Precision, *, several_companies: bool) -> Desired:
    get = row.get
    quantity, price, cost = get("quantity"), get("price"), get("cost")
    quantity = None if quantity is None else Decimal(quantity)
    price = None if price is None else Decimal(price)
    cost = None if cost is None else Decimal(cost)
    total, cost_total = Decimal(row["total"]), Decimal(row["cost_total"])
    sent = amounts(quantity, (price, cost), (total, cost_total), to)
    text = escaped(row.get("text") or row.get("name") or row.get("sku") or "Charge")
    details = [text] if len(text) > SHORT_MAX else []
    if several_companies and row.get("company_name"):
        details.append(escaped(str(row["company_name"])))
    if sent.restated and (given := original(quantity, price)):
        details.append(f"Originally {given}")
    start = get("start")
    return Desired(
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
        total=total,
        cost_total=cost_total,
        start=start,
        end=_last_day(start, get("end")),
        order=order_of(order) if (order := get("order")) else "",
        restated=sent.restated,
        warnings=tuple(row.get("warnings") or ()),
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
