"""R1, as explain has it: equal to the cent to the source's totals, and the same as the poster's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeline.explain.billed import billed_as
from poster_halo.domain.amounts import Precision, amounts
from schemas.accounts import HaloAccount
from schemas.money import round_half_up

ACCOUNT = HaloAccount()
exact = st.decimals(min_value=-9999, max_value=9999, places=6)


@pytest.mark.parametrize(
    ("quantity", "price", "total", "said", "restated"),
    [
        ("3", "10.00", "30.00", ("3", "10.00"), False),
        ("3", "10.00", "29.99", ("3", "9.9967"), True),  # the unit that makes the total
        ("0.123456789", "10", "1.23", ("1", "1.23"), True),  # a quantity HaloPSA would cut
        ("100000", "0.00012", "12.00", ("1", "12.00"), True),
        ("-2", "5.00", "-10.00", ("-2", "5.00"), False),
        (None, None, "7.50", ("1", "7.50"), True),
    ],
)
def test_a_line_goes_as_given_or_is_restated(
    quantity: str | None, price: str | None, total: str, said: tuple[str, str], restated: bool
) -> None:
    q, p, t = (None if text is None else Decimal(text) for text in (quantity, price, total))
    assert t is not None
    found = billed_as(q, p, p, (t, t), "USD", ACCOUNT)
    assert (found.quantity, found.price) == (Decimal(said[0]), Decimal(said[1]))
    assert round_half_up(found.quantity * found.price, "USD") == t
    assert found.restated is restated
    assert bool(found.text) is restated


@given(
    quantity=st.none() | exact,
    units=st.tuples(st.none() | exact, st.none() | exact),
    totals=st.tuples(exact, exact),
)
def test_it_makes_what_the_poster_makes(
    quantity: Decimal | None,
    units: tuple[Decimal | None, Decimal | None],
    totals: tuple[Decimal, Decimal],
) -> None:
    mine = billed_as(quantity, *units, totals, "USD", ACCOUNT)
    theirs = amounts(quantity, units, totals, Precision.of("USD", 4, 4))
    assert (mine.quantity, mine.price, mine.cost, mine.total, mine.cost_total, mine.restated) == (
        theirs.quantity,
        theirs.price,
        theirs.cost,
        theirs.money,
        theirs.cost_money,
        theirs.restated,
    )
