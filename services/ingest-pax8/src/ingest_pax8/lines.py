"""The lines of a page: an id and a subscription of its own each, and terms that many may share.

Rows that say the same, but for these two, are decoded, translated and put into words once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from pydantic import ValidationError

from ingest_pax8.charges import Charge, charges_of, read_page, read_row
from ingest_pax8.translate import terms_json
from schemas.money import ZERO, exact
from schemas.rows import maker
from vendors.json import string
from vendors.pax8 import PageCounters, count_page, has_long_numeral


@dataclass(frozen=True, eq=False)
class Terms:
    """What a row says besides its id and subscription. Two are the same only as one object."""

    charge: Charge

    @cached_property
    def currency(self) -> str:
        return self.charge["currency"] or ""

    @cached_property
    def total(self) -> Decimal:
        """A missing amount counts as nothing."""
        return exact(self.charge["total"] or "0")

    @cached_property
    def cost_total(self) -> Decimal:
        return exact(self.charge["cost_total"] or "0")

    @cached_property
    def json(self) -> str:
        """Its members as they travel."""
        return terms_json(self.charge)


class Line(NamedTuple):
    """One row of a page."""

    id: str | None
    subscription: str | None
    terms: Terms

    def json(self, line_id: str) -> str:
        """The ChargeLine as it travels, what is its own first (see `schemas.rows`)."""
        whose = f',"subscription":{string(self.subscription)}' if self.subscription else ""
        return f'{{"id":"{line_id}"{whose},{self.terms.json}}}'


_made = maker(Line)


def total_of(terms: Sequence[Terms]) -> tuple[Decimal, Decimal]:
    """Price and cost of the lines that say this."""
    price = sum([one.total for one in terms], ZERO)
    return price, sum([one.cost_total for one in terms], ZERO)


def read_lines(raw: bytes) -> tuple[PageCounters, int, list[Line] | None]:
    """Counters, rows and lines; no lines where some row is odd. ValueError: it is no page."""
    alike = _alike(raw)
    if alike is not None:
        return alike
    counters, rows, charges = read_page(raw)
    return counters, rows, None if charges is None else lines_with(charges)


def lines_of(raw: bytes) -> list[Line]:
    """The lines of a page, exact and forgiving; ValueError when an amount is no number."""
    lines = read_lines(raw)[2]
    return lines_with(charges_of(raw)) if lines is None else lines


def lines_with(charges: Sequence[Charge]) -> list[Line]:
    """Each with terms of its own."""
    return [Line(c["id"], c["subscription"], Terms(c)) for c in charges]


# The usual spelling of a page. In JSON a quote that ends no text has a backslash before it, so none
# of these can lie within a text: what is cut here are objects, or it is no JSON at all.
_OPEN, _NEXT, _SHUT = '{"content":[{"id":"', '},{"id":"', '}],"page":'
_SUBSCRIPTION = ',"subscriptionId":"'
_ID_HERE, _SUBSCRIPTION_HERE = "the id", "the subscription"


class _Odd(ValueError):  # noqa: N818 - a decision, not an error
    """Not spelled as usual: the page is to be read as a whole."""


def _alike(raw: bytes) -> tuple[PageCounters, int, list[Line]] | None:
    """The page row by row, decoding only what no row has said yet; None if it is spelled oddly."""
    try:
        text = raw.decode()
        end = text.rfind(_SHUT)
        if not text.startswith(_OPEN) or end < 0:
            return None
        lines = [_line(row) for row in text[len(_OPEN) : end].split(_NEXT)]
        own = "".join([f"{line.id}{line.subscription}" for line in lines])
        behind = text[end + 1 :]
        counters, _ = count_page(f'{{"content":[{behind}'.encode())
    except ValueError:
        return None
    if '"content"' in behind or "\\" in own or not own.isprintable():
        return None
    return counters, len(lines), lines


def _line(row: str) -> Line:
    """One row, from behind the quote before its id up to its closing brace."""
    own, _, rest = row.partition('"')
    before, found, rest = rest.partition(_SUBSCRIPTION)
    if not found:
        return _made((own, None, _terms(before, None)))
    subscription, _, after = rest.partition('"')
    return _made((own, subscription or None, _terms(before, after)))


@lru_cache(maxsize=2048)
def _terms(before: str, after: str | None) -> Terms:
    """The terms of all rows with this text before and after their subscription."""
    subscription = "" if after is None else f'{_SUBSCRIPTION}{_SUBSCRIPTION_HERE}"{after}'
    row = f'{{"id":"{_ID_HERE}"{before}{subscription}}}'.encode()
    if has_long_numeral(row):
        raise _Odd
    try:
        charge = read_row(row)
    except ValidationError:
        raise _Odd from None
    whose = None if after is None else _SUBSCRIPTION_HERE
    if (charge["id"], charge["subscription"]) != (_ID_HERE, whose):
        raise _Odd  # it says one of them twice
    return Terms(charge | {"id": None, "subscription": None})
