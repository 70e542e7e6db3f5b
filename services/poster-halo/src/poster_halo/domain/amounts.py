"""R1: the amounts of a line at the destination's own precision, equal to the cent to the source's.

As given, else the unit that makes the total, else 1 x the amount; the last two are `restated`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from schemas.money import ZERO, minor_unit, plain

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Precision:
    """What the destination keeps: decimals of prices and quantities, and the currency's cent."""

    price: Decimal
    quantity: Decimal
    cent: Decimal

    @classmethod
    def of(cls, currency: str, price_places: int, quantity_places: int) -> Precision:
        """From the tenant's settings."""
        return cls(ONE.scaleb(-price_places), ONE.scaleb(-quantity_places), minor_unit(currency))

    def money(self, amount: Decimal) -> Decimal:
        """Rounded once, half away from zero."""
        return amount.quantize(self.cent, ROUND_HALF_UP)


class Figures(NamedTuple):
    """The amounts of a line as decimal strings."""

    quantity: str
    price: str
    cost: str
    money: str
    cost_money: str


class Amounts(NamedTuple):
    """What is sent, or shown, and what it makes: `money` and `cost_money` are whole cents."""

    quantity: Decimal
    price: Decimal
    cost: Decimal
    money: Decimal
    cost_money: Decimal
    restated: bool = False

    def spelled(self) -> Figures:
        """As strings."""
        return Figures(*map(plain, self[:5]))


def amounts(
    quantity: Decimal | None,
    units: tuple[Decimal | None, Decimal | None],
    totals: tuple[Decimal, Decimal],
    to: Precision,
) -> Amounts:
    """`units` and `totals` are price and cost. The totals are the truth."""
    money, cost_money = to.money(totals[0]), to.money(totals[1])
    if quantity is not None:
        sent = quantity.quantize(to.quantity, ROUND_HALF_UP)
        if sent == quantity:
            unit, unit_cost = units
            if unit is not None and unit_cost is not None:
                made = _as_given(sent, (unit, unit_cost), (money, cost_money), to)
                if made is not None:
                    return made
            price = _unit(units[0], sent, money, to)
            cost = _unit(units[1], sent, cost_money, to)
            if price is not None and cost is not None:
                restated = _changed(units[0], price, to) or _changed(units[1], cost, to)
                return Amounts(sent, price, cost, money, cost_money, restated)
    return Amounts(ONE, money, cost_money, money, cost_money, restated=True)


def _as_given(
    sent: Decimal, units: tuple[Decimal, Decimal], target: tuple[Decimal, Decimal], to: Precision
) -> Amounts | None:
    """Nearly every line: both units, at the destination's precision, make the totals."""
    price = units[0].quantize(to.price, ROUND_HALF_UP)
    if (price * sent).quantize(to.cent, ROUND_HALF_UP) != target[0]:
        return None
    cost = units[1].quantize(to.price, ROUND_HALF_UP)
    if (cost * sent).quantize(to.cent, ROUND_HALF_UP) != target[1]:
        return None
    return Amounts(sent, price, cost, target[0], target[1])


def _unit(
    given: Decimal | None, quantity: Decimal, target: Decimal, to: Precision
) -> Decimal | None:
    """The unit as given if it makes the target, else target ÷ quantity if that does."""
    if given is not None:
        unit = given.quantize(to.price, ROUND_HALF_UP)
        if to.money(unit * quantity) == target:
            return unit
    if not quantity:
        return ZERO if not target else None
    unit = (target / quantity).quantize(to.price, ROUND_HALF_UP)
    return unit if to.money(unit * quantity) == target else None


def _changed(given: Decimal | None, sent: Decimal, to: Precision) -> bool:
    return given is None or given.quantize(to.price, ROUND_HALF_UP) != sent


def original(quantity: Decimal | None, price: Decimal | None) -> str:
    """What a restated line says of the source's own figures: `3 x 0.3349`."""
    if quantity is None or price is None:
        return ""
    return f"{plain(quantity)} x {plain(price)}"
