"""What holds for any batch: no cent is made or lost, and neither order nor repetition matters."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.charges import ChargeLine
from support.examples import thousand

from .lines import AZURE_TEXT, line, normalized

AMOUNT = (
    st.none() | st.decimals(-1000, 1000, places=4) | st.sampled_from([Decimal(0), Decimal("0.003")])
)
TYPES = ["subscription", "prorate", "one-time", "service-credit", "rebate", "odd"]


@st.composite
def lines(draw: st.DrawFn) -> list[ChargeLine]:
    return [
        line(
            number,
            type=draw(st.sampled_from(TYPES)),
            term=draw(st.sampled_from(["Monthly", "Arrears"])),
            text=draw(st.sampled_from(["Seat", AZURE_TEXT])),
            subscription=draw(st.sampled_from([None, "s1", "s2"])),
            product=draw(st.sampled_from([None, "p1", "p2"])),
            sku=draw(st.sampled_from([None, "MST-EXM-AZ-1", "SKU"])),
            billed_by_source=draw(st.booleans()),
            total=draw(AMOUNT),
            cost_total=draw(AMOUNT),
        )
        for number in range(1, draw(st.integers(0, 8)) + 1)
    ]


POLICIES = st.fixed_dictionaries(
    {
        "drop_azure": st.booleans(),
        "collapse_azure": st.booleans(),
        "drop_prorata": st.booleans(),
        "drop_zero": st.booleans(),
        "zero_test": st.sampled_from(["both", "charge"]),
        "azure_scope": st.sampled_from(["azure_only", "all_arrears"]),
    }
)
HOLDS = st.sampled_from([None, "replacement"])


@thousand
@given(lines(), POLICIES, HOLDS)
def test_every_line_and_every_cent_is_accounted_for(
    batch: list[ChargeLine], policy: dict[str, Any], hold: str | None
) -> None:
    out = normalized(batch, policy, hold=hold)
    price = sum((one.total or Decimal(0) for one in batch), Decimal(0))
    cost = sum((one.cost_total or Decimal(0) for one in batch), Decimal(0))
    assert out.total() == (len(batch), price, cost)
    assert set(out.ended) == {one.id for one in batch}, "every line has exactly one outcome"


@thousand
@given(lines(), POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(
    batch: list[ChargeLine], policy: dict[str, Any], rng: Random
) -> None:
    mixed = list(batch)
    rng.shuffle(mixed)
    one, other = normalized(batch, policy), normalized(mixed, policy)
    assert one.head == other.head
    by_id = {decided.id: decided for decided in other.lines}
    assert {decided.id: decided for decided in one.lines} == by_id


@thousand
@given(lines(), POLICIES)
def test_deciding_twice_gives_the_same_bytes(
    batch: list[ChargeLine], policy: dict[str, Any]
) -> None:
    one, other = normalized(batch, policy), normalized(batch, policy)
    assert (one.head, one.body) == (other.head, other.body)


@thousand
@given(lines(), POLICIES)
def test_slots_of_a_batch_are_distinct(batch: list[ChargeLine], policy: dict[str, Any]) -> None:
    slots = [one.slot for one in normalized(batch, policy).lines if one.outcome == "kept"]
    assert len(set(slots)) == len(slots)
    assert "" not in slots


@thousand
@given(lines(), POLICIES)
def test_kept_lines_keep_their_amounts(batch: list[ChargeLine], policy: dict[str, Any]) -> None:
    given_lines = {one.id: one for one in batch}
    for decided in normalized(batch, policy).lines:
        if decided.outcome == "kept" and decided.members is None:
            came = given_lines[decided.id]
            assert (decided.total, decided.quantity, decided.price, decided.cost) == (
                came.total, came.quantity, came.price, came.cost,
            )  # fmt: skip
