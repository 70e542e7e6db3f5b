"""Money as two types: `Price` is exact and cannot be posted, `Money` is rounded once and can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

ZERO = Decimal(0)

# Minor units by ISO 4217; every other currency has two.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_MINOR_UNITS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
_CENT = {places: Decimal(1).scaleb(-places) for places in (0, 2, 3)}

# A numeral as a Decimal. One amount is looked at many times on its way, and prices repeat.
exact = lru_cache(maxsize=16_384)(Decimal)


def summed(numerals: Iterable[str | None]) -> Decimal:
    """The exact sum; a missing amount counts as nothing."""
    counted = Counter(numerals).items()  # amounts repeat
    return sum([exact(numeral) * times for numeral, times in counted if numeral], ZERO)


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of the currency, e.g. 0.01."""
    return _CENT[_MINOR_UNITS.get(currency, 2)]


def round_half_up(amount: Decimal, currency: str) -> Decimal:
    """To the currency's minor unit, half away from zero."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def plain(amount: Decimal) -> str:
    """A decimal string without exponent and without negative zero: `0.00`, `-12.5`."""
    text = str(amount)
    if "E" in text:
        text = format(amount, "f")
    return text[1:] if text[0] == "-" and amount.is_zero() else text


def _no_float(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("a float is not an amount: send a decimal string")
    return value


# A decimal string on the wire and at rest; a float is refused.
Amount = Annotated[
    Decimal, BeforeValidator(_no_float), PlainSerializer(plain, return_type=str, when_used="json")
]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units of its currency: what may be posted."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        assert isinstance(self.amount, Decimal), "money is a Decimal"
        assert self.amount == round_half_up(self.amount, self.currency), "money is rounded"

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def split(self, weights: Sequence[Decimal | int]) -> list[Money]:
        """Shares in proportion to the weights, by largest remainder; they sum to this amount."""
        total = sum((Decimal(w) for w in weights), ZERO)
        assert total > 0, "there is something to share by"
        assert all(w >= 0 for w in weights), "no weight is negative"
        unit = minor_unit(self.currency)
        whole = int(self.amount / unit)
        exact = [Decimal(whole) * Decimal(w) / total for w in weights]
        shares = [int(e.to_integral_value(rounding=ROUND_DOWN)) for e in exact]
        left = whole - sum(shares)
        step = 1 if left > 0 else -1
        order = sorted(range(len(shares)), key=lambda i: (-abs(exact[i] - shares[i]), i))
        for i in order[: abs(left)]:
            shares[i] += step
        assert sum(shares) == whole, "no cent is made or lost"
        return [Money(share * unit, self.currency) for share in shares]

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")


@dataclass(frozen=True, slots=True)
class Price:
    """An exact, unrounded amount: a unit price, or a vendor's total with many decimals."""

    amount: Decimal
    currency: str

    def times(self, quantity: Decimal) -> Money:
        """Quantity times the unit, rounded once."""
        return Money(round_half_up(self.amount * quantity, self.currency), self.currency)

    def rounded(self) -> Money:
        """The only bridge from an exact total to money."""
        return Money(round_half_up(self.amount, self.currency), self.currency)


def total_by(amounts: Mapping[str, Decimal]) -> Decimal:
    """The sum of a breakdown."""
    return sum(amounts.values(), ZERO)
