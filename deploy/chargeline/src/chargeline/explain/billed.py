"""R1 written once more, from the rule alone: the figures a line has at the destination.

The poster has its own; the audit compares what the two make of every line.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from schemas.accounts import HaloAccount
from schemas.explained import BilledAs
from schemas.money import ZERO, plain, round_half_up


def billed_as(
    quantity: Decimal | None,
    price: Decimal | None,
    cost: Decimal | None,
    totals: tuple[Decimal, Decimal],
    currency: str,
    account: HaloAccount,
) -> BilledAs:
    """As given where that makes the totals; else the unit that does; else 1 × the amount."""
    total, cost_total = (round_half_up(amount, currency) for amount in totals)
    places = account.price_places
    if quantity is not None and _kept(quantity, account.quantity_places) == quantity:
        sides = [
            _unit(given, quantity, target, places, currency)
            for given, target in ((price, total), (cost, cost_total))
        ]
        if all(unit is not None for unit in sides):
            units = [unit or ZERO for unit in sides]
            as_given = all(
                given is not None and _kept(given, places) == unit
                for given, unit in zip((price, cost), units, strict=True)
            )
            return _said(quantity, (units[0], units[1]), (total, cost_total), (price, as_given))
    one = Decimal(1)
    shown = _said(one, (total, cost_total), (total, cost_total), (price, False))
    if quantity is None or price is None:
        return shown.model_copy(update={"text": "the source gives no quantity and unit price"})
    text = f"originally {plain(quantity)} x {plain(price)}"
    return shown.model_copy(update={"text": text})


def _unit(
    given: Decimal | None, quantity: Decimal, target: Decimal, places: int, currency: str
) -> Decimal | None:
    candidates = [] if given is None else [_kept(given, places)]
    if quantity:
        candidates.append(_kept(target / quantity, places))
    elif not target:
        candidates.append(ZERO)
    makes = (unit for unit in candidates if round_half_up(unit * quantity, currency) == target)
    return next(makes, None)


def _kept(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _said(
    quantity: Decimal,
    units: tuple[Decimal, Decimal],
    totals: tuple[Decimal, Decimal],
    given: tuple[Decimal | None, bool],
) -> BilledAs:
    price, as_given = given
    text = "" if as_given or price is None else f"originally {plain(quantity)} x {plain(price)}"
    return BilledAs(
        quantity=quantity,
        price=units[0],
        cost=units[1],
        total=totals[0],
        cost_total=totals[1],
        restated=not as_given,
        text=text,
    )
