"""Lines as the normalizer holds them: rows of text as they travel, decided in place.

A row is a `schemas.charges.ChargeLine` on its way in and a `DecidedLine` on its way out. Amounts
stay the text they came as; only those that a rule looks at become Decimals.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NotRequired, TypedDict

from pydantic import TypeAdapter
from pydantic_core import to_json

from schemas.charges import Kind, LineOutcome
from schemas.money import ZERO, exact

NOTHING = "0"


class ChargeRow(TypedDict):
    """The fields of a ChargeLine, and those that deciding adds."""

    id: str
    type: NotRequired[str]
    term: NotRequired[str]
    company: NotRequired[str]
    company_name: NotRequired[str]
    subscription: NotRequired[str | None]
    product: NotRequired[str | None]
    sku: NotRequired[str | None]
    name: NotRequired[str]
    text: NotRequired[str]
    details: NotRequired[str | None]
    vendor: NotRequired[str | None]
    order: NotRequired[str | None]
    start: NotRequired[str | None]
    end: NotRequired[str | None]
    quantity: NotRequired[str | None]
    price: NotRequired[str | None]
    cost: NotRequired[str | None]
    total: NotRequired[str | None]
    cost_total: NotRequired[str | None]
    billed_by_source: NotRequired[bool]
    outcome: NotRequired[LineOutcome]
    rule: NotRequired[str]
    level: NotRequired[str]
    into: NotRequired[str]
    members: NotRequired[int]
    warnings: NotRequired[list[str]]
    kind: NotRequired[Kind]
    slot: NotRequired[str]
    product_key: NotRequired[str | None]


_Rows = TypeAdapter(list[ChargeRow])
_DECIDED = ("product_key", "kind", "outcome", "rule", "level", "into", "warnings", "slot")
_LOOKED_AT = frozenset(("type", "details", "vendor", "billed_by_source"))


def read(body: bytes) -> list[ChargeRow]:
    """The rows of a ChargesReceived body."""
    return _Rows.validate_json(body)


def write(body: bytes, rows: list[ChargeRow]) -> bytes:
    """The body of ChargesNormalized: each line as it came, and after it what was decided.

    `rows` are those of `body`, decided, and a merged one at the end if there is one.
    """
    texts = _texts(body, sum("members" not in row for row in rows))
    said = [_after(text, row) for text, row in zip(texts, rows, strict=False)]
    said += [_whole(row) for row in rows[len(texts) :]]
    return f"[{','.join(said)}]".encode()


def _texts(body: bytes, rows: int) -> list[str]:
    """The rows in JSON, without their braces; none where they can not be told apart for sure."""
    if body[:2] != b"[{" or body[-2:] != b"}]" or body.count(b"{") != rows:
        return []
    # With one opening brace a row, every separator stands between two rows.
    texts = body[2:-2].decode().split("},{")
    return texts if len(texts) == rows else []


def _after(text: str, row: ChargeRow) -> str:
    if row["total"] == NOTHING or row["cost_total"] == NOTHING:  # perhaps nobody had said so
        return _whole(row)
    if row["outcome"] == "kept" and "warnings" not in row:
        return f'{{{text},{_kept(row["kind"], row["product_key"])},"slot":"{row["slot"]}"}}'
    decided = {name: row[name] for name in _DECIDED if name in row}  # type: ignore[literal-required]
    return f"{{{text},{to_json(decided, exclude_none=True)[1:].decode()}"


@lru_cache(maxsize=4096)
def _kept(kind: Kind, product_key: str | None) -> str:
    decided = {"product_key": product_key, "kind": kind, "outcome": "kept"}
    return to_json(decided)[1:-1].decode()


def _whole(row: ChargeRow) -> str:
    """What a rule looked at and nobody needs later is left out."""
    needed = {name: value for name, value in row.items() if name not in _LOOKED_AT}
    return to_json(needed, exclude_none=True).decode()


def amount(text: str | None) -> Decimal:
    """A missing amount counts as nothing, as it does in what was received."""
    return exact(text) if text is not None else ZERO
