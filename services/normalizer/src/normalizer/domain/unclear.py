"""Lines that say what nobody here knows: a type, a term, who bills them. They are held (R5, R7).

A type decides whether a line is billed at all and how, a term the item and what counts as usage.
What is usage is told by other signs, whatever its type (the Pax8 sheet, section 7).
"""

from __future__ import annotations

from normalizer.domain.azure import ARREARS
from normalizer.domain.rows import ChargeRow
from normalizer.domain.slots import KINDS
from schemas.accounts import Pax8Account
from schemas.charges import BILLED_BY_UNCLEAR, Kind, normal_term

TYPE_UNKNOWN = "type-unknown"
TERM_UNKNOWN = "term-unknown"

# The sheet's, in our spelling; a line may have none.
TERMS = frozenset(
    ("", "monthly", "annual", "2-year", "3-year", "one-time", "activation", "trial", "rebate")
) | {ARREARS}


class Unclear:
    """What is known under one tenant's settings."""

    def __init__(self, account: Pax8Account) -> None:
        self._types = {normal_term(new): known for new, known in account.types.items()}
        self._terms = TERMS | {normal_term(term) for term in account.terms}

    def read_types(self, rows: list[ChargeRow]) -> None:
        """Give a new type the meaning that the settings give it."""
        for row in rows if self._types else ():
            row["type"] = self._types.get(row.get("type", ""), row.get("type", ""))

    def code(self, row: ChargeRow, kind: Kind) -> str | None:
        """Why the line is held; None when all of it is known."""
        if BILLED_BY_UNCLEAR in row.get("unclear", ()):
            return BILLED_BY_UNCLEAR
        if kind != "usage" and row.get("type") not in KINDS:
            return TYPE_UNKNOWN
        if normal_term(row.get("term", "")) not in self._terms:
            return TERM_UNKNOWN
        return None
