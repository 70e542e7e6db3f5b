"""What holds a count (R21), and what counts are compared with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ingest_huntress.domain.guards import Baseline, Through
from ingest_huntress.domain.snapshot import Snapshot, billed_organizations, taken
from schemas.count_settings import CountSettings
from schemas.counts import AcceptedCount
from support.counts import counting_settings, organization, short

ONE = "700101"
BILLED = frozenset({ONE})


def baseline(units: int, product: str = "edr", **changes: Any) -> Baseline:
    through = Through.model_validate({"count": units} | changes)
    return Baseline(seen=1, names={ONE: "Acme"}, through={ONE: {product: through}})


def day(units: int | None, before: Baseline, *words: AcceptedCount, **limits: Any) -> Snapshot:
    """The next day's snapshot of one organisation with so many endpoints; None: it is not there."""
    there = [] if units is None else [organization(active={"edr": units} if units else {})]
    return taken(there, before, BILLED, CountSettings.model_validate(limits), words)


def word(units: int, at: str = "") -> AcceptedCount:
    return AcceptedCount(organization=ONE, product="edr", count=units, at=at)


def test_21_a_fall_to_zero_is_held_today_and_tomorrow() -> None:
    before = baseline(120)
    for _ in range(2):
        snapshot = day(0, before)
        assert short(snapshot.rows) == [("edr", 0, "count-zero")]
        assert snapshot.held == 1
        before = snapshot.baseline
    assert before.before(ONE) == {"edr": 120}, "what was let through stays what it was"


def test_21_once_accepted_zero_is_let_through_and_not_asked_again() -> None:
    accepted = day(0, baseline(120), word(0))
    assert short(accepted.rows) == [("edr", 0, None)]
    after = day(0, accepted.baseline)
    assert short(after.rows) == [("edr", 0, None)]
    [row] = after.rows
    assert (row.before, row.text) == (0, "")


def test_a_word_about_another_value_lets_nothing_through() -> None:
    assert short(day(3, baseline(120), word(0)).rows) == [("edr", 3, "count-jump")]


def test_a_word_holds_once_a_later_fall_asks_again() -> None:
    said = word(0, at="2026-11-06T09:00:00+00:00")
    before = day(0, baseline(120), said).baseline
    before = day(90, before, word(90, at="2026-11-20T09:00:00+00:00")).baseline
    assert before.before(ONE) == {"edr": 90}
    assert short(day(0, before, said).rows) == [("edr", 0, "count-zero")]
    again = word(0, at="2026-12-06T09:00:00+00:00")
    assert short(day(0, before, again).rows) == [("edr", 0, None)]


@pytest.mark.parametrize(
    ("before", "now", "held"),
    [
        (10, 15, False),  # five units are no jump, however large their share
        (10, 16, True),
        (100, 150, False),  # nor is half of what there was
        (100, 151, True),
        (100, 49, True),
        (100, 50, False),
        (2, 7, False),
        (0, 6, True),
    ],
)
def test_a_jump_is_more_than_the_share_and_more_than_the_units(
    before: int, now: int, held: bool
) -> None:
    [row] = day(now, baseline(before)).rows
    assert (row.code == "count-jump") is held


def test_the_limits_are_settings() -> None:
    assert day(12, baseline(10), jump_share=Decimal("0.1"), jump_units=1).held == 1


def test_a_first_count_is_let_through_whatever_it_is() -> None:
    snapshot = day(5000, Baseline())
    assert (snapshot.held, snapshot.baseline.before(ONE)) == (0, {"edr": 5000})


def test_compared_is_the_last_value_let_through_and_not_yesterdays() -> None:
    """Two jumps in two days do not make each other look small."""
    first = day(40, baseline(10))
    assert first.held == 1
    assert day(44, first.baseline).held == 1
    assert day(12, first.baseline).held == 0


def test_11_an_organization_that_vanishes_is_held_and_counted() -> None:
    snapshot = day(None, baseline(7))
    assert short(snapshot.rows) == [("edr", 0, "organization-vanished")]
    assert snapshot.rows[0].organization_name == "Acme"
    assert snapshot.baseline.seen == 0
    accepted = day(None, snapshot.baseline, word(0))
    assert short(accepted.rows) == [("edr", 0, None)]
    assert short(day(None, accepted.baseline).rows) == [("edr", 0, None)]


def test_an_organization_that_is_no_longer_billed_vanishes_without_a_word() -> None:
    snapshot = taken([], baseline(7), frozenset(), CountSettings(), ())
    assert snapshot.rows == ()


def test_10_a_new_name_changes_nothing_else() -> None:
    renamed = organization(name="Acme Group", active={"edr": 19})
    [row] = taken([renamed], baseline(19), BILLED, CountSettings(), ()).rows
    assert (row.organization_name, row.before, row.code) == ("Acme Group", 19, None)


def test_nobodys_counts_are_compared_with_nothing_and_kept_for_nothing() -> None:
    strange = organization(700555, detail="not-read", listed={"edr": 50})
    snapshot = taken([strange], Baseline(), BILLED, CountSettings(), ())
    assert short(snapshot.rows) == [("edr", 50, None)]
    assert snapshot.baseline.through == {}


def test_12_excluded_and_own_organizations_are_not_read() -> None:
    settings = counting_settings(
        {"company": "1", "halo": 42},
        {"company": "2", "exclude": True},
        {"company": "3", "halo": 44},
        {"company": "5", "halo": 45, "source": "pax8"},
        huntress={"own_organizations": ["3"]},
    )
    assert billed_organizations(settings) == {"1"}


def test_rows_come_in_the_order_of_ids() -> None:
    several = [organization(n, active={"edr": 1}) for n in (10, 9, 100)]
    rows = taken(several, Baseline(), frozenset(), CountSettings(), ()).rows
    assert [row.organization for row in rows] == ["9", "10", "100"]
