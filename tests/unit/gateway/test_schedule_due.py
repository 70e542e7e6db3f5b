"""When a schedule is due on the tenant's own clock: tables of days, gaps, and overlaps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.schedule import due_between, keep, next_due, next_of
from schemas.count_settings import Schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def daily(at: str = "03:00", **more: Any) -> Schedule:
    return Schedule(enabled=True, at=at, **more)


def monthly(day: int, at: str = "03:00") -> Schedule:
    return Schedule(enabled=True, every="month", day=day, at=at)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(schedule: Schedule, zone: str, first: str, last: str) -> list[str]:
    """Due from the beginning of the first day of UTC to the end of the last, on local clocks."""
    found = due_between(schedule, zone, utc(first), utc(last) + timedelta(days=1))
    return [f"{instant.astimezone(ZoneInfo(zone)):%m-%d %H:%M %z}" for instant in found]


DAYS: list[tuple[str, Schedule, str, str, str, list[str]]] = [
    (
        "every day at a time of the tenant's clock",
        daily("23:30"),
        NEW_YORK,
        "2026-01-05",
        "2026-01-06",
        ["01-04 23:30 -0500", "01-05 23:30 -0500"],
    ),
    (
        "a time that the clock skips in spring: the first instant after",
        daily("02:30"),
        BERLIN,
        "2026-03-28",
        "2026-03-30",
        ["03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200"],
    ),
    (
        "a time that the clock shows twice in autumn: the first time alone",
        daily("02:30"),
        BERLIN,
        "2026-10-24",
        "2026-10-26",
        ["10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100"],
    ),
    (
        "a gap in New York",
        daily("02:00"),
        NEW_YORK,
        "2026-03-07",
        "2026-03-09",
        ["03-07 02:00 -0500", "03-08 03:00 -0400", "03-09 02:00 -0400"],
    ),
    (
        "an overlap in New York",
        daily("01:00"),
        NEW_YORK,
        "2026-10-31",
        "2026-11-02",
        ["10-31 01:00 -0400", "11-01 01:00 -0400", "11-02 01:00 -0500"],
    ),
    (
        "a zone that moves its clock by half an hour",
        daily("02:10"),
        LORD_HOWE,
        "2026-10-02",
        "2026-10-04",
        ["10-03 02:10 +1030", "10-04 02:30 +1100", "10-05 02:10 +1100"],
    ),
    (
        "its overlap of half an hour",
        daily("01:40"),
        LORD_HOWE,
        "2026-04-03",
        "2026-04-05",
        ["04-04 01:40 +1100", "04-05 01:40 +1100", "04-06 01:40 +1030"],
    ),
    (
        "the 31st is the last day of a short month",
        monthly(31),
        "UTC",
        "2026-01-01",
        "2026-06-30",
        [
            "01-31 03:00 +0000",
            "02-28 03:00 +0000",
            "03-31 03:00 +0000",
            "04-30 03:00 +0000",
            "05-31 03:00 +0000",
            "06-30 03:00 +0000",
        ],
    ),
    (
        "the 29th in a leap year",
        monthly(29),
        "UTC",
        "2028-01-30",
        "2028-03-30",
        ["02-29 03:00 +0000", "03-29 03:00 +0000"],
    ),
    (
        "from the 4th on: the distributor's invoice is never there before",
        daily(from_day=4),
        "UTC",
        "2026-01-30",
        "2026-02-05",
        [
            "01-30 03:00 +0000",
            "01-31 03:00 +0000",
            "02-04 03:00 +0000",
            "02-05 03:00 +0000",
        ],
    ),
    ("switched off", Schedule(at="03:00"), "UTC", "2026-01-01", "2026-12-31", []),
]


@pytest.mark.parametrize(
    ("schedule", "zone", "first", "last", "due"),
    [pytest.param(*row[1:], id=row[0]) for row in DAYS],
)
def test_it_is_due(schedule: Schedule, zone: str, first: str, last: str, due: list[str]) -> None:
    assert local(schedule, zone, first, last) == due


def test_a_day_that_a_zone_leaves_out_runs_once_and_the_next_day_runs_too() -> None:
    found = due_between(daily("00:00"), "Pacific/Apia", utc("2011-12-29"), utc("2012-01-01"))
    assert found == [utc("2011-12-29T10:00"), utc("2011-12-30T10:00"), utc("2011-12-31T10:00")]


def test_the_next_one_is_the_first_after_and_none_when_it_is_off() -> None:
    at = utc("2026-01-31T03:00")
    assert next_due(monthly(31), "UTC", at - timedelta(seconds=1)) == at
    assert next_due(monthly(31), "UTC", at) == utc("2026-02-28T03:00")
    assert next_due(Schedule(), "UTC", at) is None


@given(
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "Pacific/Apia"]),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=5500)),
    st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), min_size=1, max_size=6),
)
def test_looking_often_finds_what_looking_once_finds(
    zone: str, at: Any, later: timedelta, steps: list[timedelta]
) -> None:
    schedule = daily(f"{at:%H:%M}")
    begin = now = utc("2011-11-01") + later
    pieces: list[datetime] = []
    for step in steps:
        pieces += due_between(schedule, zone, now, now + step)
        now += step
    whole = due_between(schedule, zone, begin, now)
    assert pieces == whole
    assert abs(len(whole) - (now - begin).days) <= 2


def test_missed_runs_are_caught_up_once_and_counted() -> None:
    start = utc("2026-01-01")
    armed, due = keep({}, {"huntress": daily()}, "UTC", start)
    assert due == [], "it counts from when it was switched on"
    armed, due = keep(armed, {"huntress": daily()}, "UTC", utc("2026-01-05T12:00"))
    assert [(d.source, d.at, d.missed) for d in due] == [("huntress", utc("2026-01-05T03:00"), 4)]
    _, due = keep(armed, {"huntress": daily()}, "UTC", utc("2026-01-05T12:00"))
    assert due == []


@pytest.mark.parametrize(
    ("schedules", "zone"),
    [
        ({"huntress": daily("02:00")}, "UTC"),
        ({"huntress": daily()}, BERLIN),
        ({"huntress": Schedule(at="03:00")}, "UTC"),
        ({}, "UTC"),
    ],
    ids=["another time", "another zone", "switched off", "taken away"],
)
def test_a_change_counts_from_now(schedules: dict[str, Schedule], zone: str) -> None:
    armed, _ = keep({}, {"huntress": daily()}, "UTC", utc("2026-01-01"))
    armed, due = keep(armed, schedules, zone, utc("2026-01-04T12:00"))
    assert due == []
    armed, due = keep(armed, {"huntress": daily()}, "UTC", utc("2026-01-08T12:00"))
    assert due == [], "nor is what was due meanwhile made up for after the next change"
    assert next_of(armed) == utc("2026-01-09T03:00")


def test_a_clock_that_is_put_back_repeats_nothing() -> None:
    schedules = {"huntress": daily()}
    armed, _ = keep({}, schedules, "UTC", utc("2026-01-01"))
    armed, due = keep(armed, schedules, "UTC", utc("2026-01-02T03:00"))
    assert len(due) == 1
    armed, due = keep(armed, schedules, "UTC", utc("2026-01-02T02:00"))
    assert due == []
    _, due = keep(armed, schedules, "UTC", utc("2026-01-02T03:01"))
    assert due == []


def test_what_a_source_had_before_the_month_of_switching_on_stays_out() -> None:
    armed, _ = keep({}, {"pax8": daily()}, NEW_YORK, utc("2026-02-01T02:00"))
    assert armed["pax8"].since == date(2026, 1, 1), "it is still January there"
    armed, _ = keep(armed, {"pax8": daily("05:00")}, NEW_YORK, utc("2026-03-05"))
    assert armed["pax8"].since == date(2026, 1, 1), "another time is no new beginning"
    armed, _ = keep(armed, {"pax8": Schedule()}, NEW_YORK, utc("2026-03-06"))
    armed, _ = keep(armed, {"pax8": daily()}, NEW_YORK, utc("2026-04-06"))
    assert armed["pax8"].since == date(2026, 4, 1)
