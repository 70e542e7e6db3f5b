"""What lifecycle needs of lines that came without their sums: only these fields are read."""

from __future__ import annotations

from decimal import Decimal
from typing import NotRequired, TypedDict

from pydantic import TypeAdapter

from schemas.charges import Kind, LineOutcome
from schemas.uses import Uses, uses_of


class _Line(TypedDict):
    """The fields of a DecidedLine that are looked at; all others are skipped unread."""

    outcome: LineOutcome
    total: Decimal
    cost_total: Decimal
    rule: NotRequired[str | None]
    kind: NotRequired[Kind]
    product_key: NotRequired[str | None]
    product: NotRequired[str | None]
    term: NotRequired[str]
    sku: NotRequired[str | None]
    name: NotRequired[str]
    company: NotRequired[str]
    company_name: NotRequired[str]
    price: NotRequired[Decimal | None]
    cost: NotRequired[Decimal | None]


_Lines = TypeAdapter(list[_Line])


def uses(lines: bytes) -> Uses:
    """Read the lines of one batch (DecidedLines)."""
    return uses_of(_Lines.validate_json(lines or b"[]"))
