"""Lines as the normalizer holds them: rows of text as they travel, decided in place.

A row is a `schemas.charges.ChargeLine` on its way in and a `DecidedLine` on its way out. Amounts
stay the text they came as; only those that a rule looks at become Decimals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import NotRequired, TypedDict

from pydantic import TypeAdapter
from pydantic_core import to_json

from schemas.charges import Kind, LineOutcome
from schemas.money import ZERO, exact
from schemas.rows import Row, rows_in

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
    unclear: NotRequired[list[str]]
    outcome: NotRequired[LineOutcome]
    rule: NotRequired[str]
    level: NotRequired[str]
    into: NotRequired[str]
    members: NotRequired[int]
    warnings: NotRequired[list[str]]
    kind: NotRequired[Kind]
    slot: NotRequired[str]
    product_key: NotRequired[str | None]


_Rows, _Row = TypeAdapter(list[ChargeRow]), TypeAdapter(ChargeRow)
_DECIDED = ("product_key", "kind", "outcome", "rule", "level", "into", "warnings")
_LOOKED_AT = frozenset(("type", "details", "vendor", "billed_by_source", "unclear"))


@dataclass(frozen=True, slots=True)
class Received:
    """The rows of a body, and the text of each, where the texts can be told apart for sure."""

    rows: list[ChargeRow]
    texts: list[Row]


def read(body: bytes) -> Received:
    """The rows of a ChargesReceived body."""
    cut = rows_in(body, _shared)
    if cut is None:
        return Received(_Rows.validate_json(body), [])
    return Received([_row(text, said) for text, said in cut], [text for text, _ in cut])


def _shared(members: str) -> ChargeRow:
    return _Row.validate_json(f'{{"id":"",{members[1:]}')


def _row(text: Row, said: ChargeRow) -> ChargeRow:
    row = said.copy()
    row["id"] = text.id
    if text.subscription is not None:
        row["subscription"] = text.subscription
    return row


def write(received: Received, rows: list[ChargeRow]) -> bytes:
    """The body of ChargesNormalized: each line as it came, and what was decided.

    `rows` are those received, decided, and a merged one at the end if there is one.
    """
    return f"[{','.join(_said(received.texts, rows))}]".encode()


def _said(texts: list[Row], rows: list[ChargeRow]) -> Iterator[str]:
    for text, row in zip_longest(texts, rows):
        if text is None or row["total"] == NOTHING or row["cost_total"] == NOTHING:
            yield _whole(row)  # perhaps nobody had said its amounts
            continue
        slot = f',"slot":"{row["slot"]}"' if "slot" in row else ""
        if row["outcome"] == "kept" and "warnings" not in row:
            decided = _kept(row["kind"], row["product_key"])
        else:
            found = {name: row[name] for name in _DECIDED if name in row}  # type: ignore[literal-required]
            decided = to_json(found, exclude_none=True)[1:-1].decode()
        yield f'{{{text.own}{slot},"company":{text.shared},{decided}}}'


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
