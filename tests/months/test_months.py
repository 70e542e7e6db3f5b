"""A small `make months`, and that a line billed twice or not at all would be seen."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from months import undoing
from months.check import Books
from months.run import differences, lived
from months.year import Year
from support.virtual_loop import in_virtual_time

Whole = tuple[Year, Books]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return in_virtual_time(lived(tmp_path_factory.mktemp("year"), clients=10, lines=60))


def test_r11_every_line_of_a_year_is_invoiced_once_to_the_cent(year: Whole) -> None:
    made, found = year
    assert differences(made, found) == []
    assert set(found.times.values()) == {1}
    assert len({one.month.month for one in made.lived}) == 12


def test_the_year_has_all_that_a_year_brings(year: Whole) -> None:
    told = " ".join(one.happened for one in year[0].lived)
    for what in ("seats changed", "ended", "without charges", "yearly", "mapped late", "replaced"):
        assert what in told
    assert "recurring-billed-twice" in told


def test_a_line_billed_twice_or_never_or_with_another_amount_is_seen(year: Whole) -> None:
    made, found = year
    ordinary = [line for one in made.lived[:1] for line in one.lines if line.outcome == "kept"]
    assert ordinary
    lines = [name for name in found.times if name in found.money]
    twice = Books({**found.times, lines[0]: 2}, found.money, found.sums)
    never = Books({**found.times, lines[0]: 0}, found.money, found.sums)
    key = next(iter(found.sums))
    more = (found.sums[key][0] + Decimal("0.01"), found.sums[key][1])
    altered = Books(found.times, found.money, {**found.sums, key: more})
    for wrong in (twice, never, altered):
        assert differences(made, wrong)


@pytest.mark.parametrize("behaviour", undoing.BEHAVIOURS)
def test_r16_undone_and_posted_again(tmp_path: Path, behaviour: str) -> None:
    told = in_virtual_time(undoing.undone_and_posted(tmp_path, behaviour))
    assert [text for text in told if text.startswith("WRONG")] == []


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("new", "undo-paid"),
        ("new", "undo-sent"),
        ("latest", "undo-paid"),
        ("latest", "undo-sent"),
        ("recurring", "undo-billed"),
    ],
)
def test_r16_undo_is_refused_once_it_went_out(tmp_path: Path, behaviour: str, code: str) -> None:
    assert in_virtual_time(undoing.refused(tmp_path, behaviour, code)) == f"refused {code}"
