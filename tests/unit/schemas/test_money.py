"""Amounts: exact, rounded once and half away from zero, split without making or losing a cent."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.money import Amount, Money, Price, minor_unit, plain, round_half_up, total_by
from support.examples import thousand

AMOUNT = TypeAdapter(Amount)
CURRENCIES = {"USD": "0.01", "EUR": "0.01", "JPY": "1", "KWD": "0.001", "XXX": "0.01"}
exact = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=8)
currencies = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(("currency", "unit"), sorted(CURRENCIES.items()))
def test_each_currency_has_its_smallest_amount(currency: str, unit: str) -> None:
    assert minor_unit(currency) == Decimal(unit)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("0.0049", "0.00"),
        ("2.675", "2.68"),
        ("-0.004", "0"),
    ],
)
def test_half_a_cent_goes_away_from_zero(amount: str, rounded: str) -> None:
    assert round_half_up(Decimal(amount), "USD") == Decimal(rounded)


@thousand
@given(exact, currencies)
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Decimal, currency: str) -> None:
    rounded = Price(amount, currency).rounded().amount
    unit = minor_unit(currency)
    assert abs(rounded - amount) <= unit / 2
    assert (rounded / unit) == (rounded / unit).to_integral_value(ROUND_FLOOR)
    assert round_half_up(rounded, currency) == rounded
    assert round_half_up(-amount, currency) == -rounded


@thousand
@given(exact, st.decimals(-1000, 1000, places=4), currencies)
def test_price_times_quantity_is_rounded_once(
    price: Decimal, quantity: Decimal, currency: str
) -> None:
    assert Price(price, currency).times(quantity).amount == round_half_up(
        price * quantity, currency
    )


@thousand
@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1), currencies)
def test_shares_add_up_and_are_never_a_unit_off(
    units: int, weights: list[int], currency: str
) -> None:
    whole = Money(units * minor_unit(currency), currency)
    if not sum(weights):
        with pytest.raises(AssertionError, match="something to share by"):
            whole.split(weights)
        return
    shares = whole.split(weights)
    assert sum((s.amount for s in shares), Decimal(0)) == whole.amount
    for weight, share in zip(weights, shares, strict=True):
        fair = whole.amount * weight / sum(weights)
        assert abs(share.amount - fair) < minor_unit(currency) + Decimal("1e-12")
        assert weight or not share.amount


def test_equal_weights_give_the_odd_cents_to_the_first() -> None:
    shares = Money(Decimal("0.05"), "USD").split([1, 1, 1])
    assert [str(s.amount) for s in shares] == ["0.02", "0.02", "0.01"]


def test_currencies_never_mix() -> None:
    dollars, euros = Money(Decimal("1.00"), "USD"), Money(Decimal("1.00"), "EUR")
    assert (dollars + dollars - dollars).amount == Decimal("1.00")
    for mix in (dollars.__add__, dollars.__sub__):
        with pytest.raises(ValueError, match="USD and EUR do not add up"):
            mix(euros)


def test_an_unrounded_amount_is_no_money() -> None:
    with pytest.raises(AssertionError, match="money is rounded"):
        Money(Decimal("0.001"), "USD")
    assert (-Money(Decimal("0.001"), "KWD")).amount == Decimal("-0.001")


def test_negative_zero_is_written_as_zero() -> None:
    assert plain(Decimal("-0.00")) == "0.00"
    assert plain(Decimal("-0")) == "0"
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("-1E-7")) == "-0.0000001"


@thousand
@given(exact)
def test_an_amount_travels_digit_for_digit(amount: Decimal) -> None:
    wire = AMOUNT.dump_json(amount)
    assert wire == f'"{plain(amount)}"'.encode()
    assert AMOUNT.validate_json(wire) == amount


@pytest.mark.parametrize("value", [1.0, 0.1, float("nan")])
def test_a_float_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="a float is not an amount"):
        AMOUNT.validate_python(value)


@pytest.mark.parametrize("text", ['"NaN"', '"Infinity"', '"twelve"', "null", "true"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_json(text)


def test_a_breakdown_adds_up() -> None:
    assert total_by({"a": Decimal("0.10"), "b": Decimal("-0.30")}) == Decimal("-0.20")
    assert total_by({}) == 0
