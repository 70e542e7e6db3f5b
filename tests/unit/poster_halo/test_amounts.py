"""R1: the destination makes the same cents of what is sent, whatever the source's decimals."""

from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from poster_halo.domain.amounts import Precision, amounts

TO = Precision.of("USD", 4, 4)
CENT = Decimal("0.01")


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def numbers(places: int, least: int = -10_000, most: int = 10_000) -> st.SearchStrategy[Decimal]:
    scale = 10**places
    return st.integers(least * scale, most * scale).map(lambda n: Decimal(n).scaleb(-places))


@given(
    quantity=st.none() | numbers(6),
    price=st.none() | numbers(6),
    total=numbers(5),
    cost_total=numbers(5),
)
def test_r1_sent_amounts_make_the_totals_to_the_cent(
    quantity: Decimal | None, price: Decimal | None, total: Decimal, cost_total: Decimal
) -> None:
    made = amounts(quantity, (price, None), (total, cost_total), TO)
    assert _cents(made.quantity * made.price) == made.money == _cents(total)
    assert _cents(made.quantity * made.cost) == made.cost_money == _cents(cost_total)
    for number in (made.quantity, made.price, made.cost):
        assert number == number.quantize(Decimal("0.0001"))


@given(quantity=numbers(0, 1, 500), price=numbers(4), cost=numbers(4))
def test_r1_what_fits_goes_as_given(quantity: Decimal, price: Decimal, cost: Decimal) -> None:
    made = amounts(quantity, (price, cost), (quantity * price, quantity * cost), TO)
    assert (made.quantity, made.price, made.cost) == (quantity, price, cost)
    assert not made.restated


def test_r1_the_unit_is_the_total_over_the_quantity_when_that_gives_the_total() -> None:
    made = amounts(Decimal(3), (Decimal(5), Decimal(1)), (Decimal("10.00"), Decimal(3)), TO)
    assert (made.quantity, made.price) == (Decimal(3), Decimal("3.3333"))
    assert made.restated


def test_r1_a_negative_total_is_one_times_a_negative_unit() -> None:
    made = amounts(None, (None, None), (Decimal("-4.567"), Decimal(0)), TO)
    assert (made.quantity, made.price, made.cost) == (Decimal(1), Decimal("-4.57"), Decimal(0))
    assert made.restated


def test_r1_a_fraction_the_destination_can_not_keep_is_restated() -> None:
    made = amounts(Decimal("0.00001"), (Decimal(100_000), None), (Decimal(1), Decimal(0)), TO)
    assert (made.quantity, made.price) == (Decimal(1), Decimal(1))


def test_r1_yen_have_no_decimals() -> None:
    made = amounts(
        Decimal(3),
        (Decimal("33.4"), Decimal(0)),
        (Decimal("100.2"), Decimal(0)),
        Precision.of("JPY", 4, 4),
    )
    assert made.money == 100
