"""Schedules over replicas that die: what is due is said once, and what was missed once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.schedules import Occurrence
from schemas.count_settings import Schedule
from support.memory_records import Shelf
from support.virtual_loop import in_virtual_time

from .schedule_world import RUNNER, TENANT, Look, World

START = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(days=91, hours=6)  # beyond 97 days the counted loop's time is too coarse
DAILY = Schedule(enabled=True, at="02:30")
MINUTE = timedelta(minutes=1)


def by_the_clock_on_the_wall(zone: str, at: str, start: datetime, end: datetime) -> list[datetime]:
    """Another way to find them: watch the zone's clock minute by minute for a day's first time."""
    found: list[datetime] = []
    hour, minute = map(int, at.split(":"))
    name = ZoneInfo(zone)
    day = (start.astimezone(name) - timedelta(days=1)).date()
    now = start - timedelta(days=2)
    while now <= end:
        wall = now.astimezone(name).replace(tzinfo=None)
        while wall >= datetime.combine(day, datetime.min.time()).replace(hour=hour, minute=minute):
            if now > start:
                found.append(now)
            day += timedelta(days=1)
        now += MINUTE
    return found


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_a_year_with_two_replicas_that_die_and_come_back(zone: str) -> None:
    rng = Random(zone)
    end = START + 4 * QUARTER
    dues = by_the_clock_on_the_wall(zone, DAILY.at, START, end)
    outages: list[tuple[datetime, datetime]] = []
    shelf: Shelf = {}

    async def slow_store() -> None:
        await asyncio.sleep(rng.random() * 0.2)

    async def quarter(begin: datetime) -> None:
        world = World(begin, shelf)
        await world.set(zone, huntress=DAILY)
        world.pause = slow_store
        for name in ("one", "two"):
            world.up(name)
        for moment in _moments(rng, dues, begin):
            await asyncio.sleep((moment - world.clock.now()).total_seconds())
            both = rng.random() < 0.5
            dying = ["one", "two"] if both else [rng.choice(["one", "two"])]
            for name in dying:
                await world.down(name)
            fell = world.clock.now()
            await asyncio.sleep(rng.choice([1.0, 90.0, 3600.0, 86_400.0, 260_000.0]))
            for name in dying:
                world.up(name)
            if both:
                outages.append((fell, world.clock.now()))
        await asyncio.sleep((begin + QUARTER - world.clock.now()).total_seconds())
        await world.stop()
        told.extend(world.said.heads)

    async def ending() -> list[Occurrence]:
        return await World(end, shelf).gateway.schedules.occurrences(TENANT)

    told: list[tuple[datetime, Any]] = []
    for number in range(4):
        in_virtual_time(quarter(START + number * QUARTER))
    said = in_virtual_time(ending())

    when = {head.revision: at for at, head in told}
    assert len(told) == len(when) == len(said), "each was published once"
    times = Counter(one.due for one in said)
    assert set(times.values()) == {1}
    assert set(times) <= set(dues)
    assert len(said) + sum(one.missed for one in said) == len(dues), "none is unaccounted for"
    for one in said:
        if not any(a - 3 * MINUTE < one.due <= b for a, b in outages):
            assert when[one.revision] - one.due < timedelta(seconds=RUNNER.ttl_s + 30)
    for due in dues:
        if not any(a - 3 * MINUTE < due <= b for a, b in outages):
            assert due in times, f"{due} was due while somebody was there"
    for fell, back in outages:
        missed = [due for due in dues if fell < due <= back]
        assert not missed or times[missed[-1]] == 1, "the last one missed is caught up"
    assert any(one.missed for one in said), "the story has missed runs"


def _moments(rng: Random, dues: list[datetime], begin: datetime) -> list[datetime]:
    """When processes die: half of the times in the very second in which a run is due."""
    found, at = [], begin
    while (at := at + timedelta(days=rng.uniform(4, 14))) < begin + QUARTER - timedelta(days=8):
        near = next(due for due in dues if due > at)
        moment = near + timedelta(seconds=rng.random() * 2) if rng.random() < 0.5 else at
        found.append(moment)
        at = moment
    return found


def test_two_who_both_think_that_it_is_theirs_say_it_once() -> None:
    async def story() -> None:
        world = World(START)
        await world.set("UTC", huntress=DAILY, pax8=DAILY)
        await world.keep_now()
        await asyncio.sleep(86_400)
        world.pause = lambda: asyncio.sleep(0.01)
        one, two = world.replica(), world.replica()
        both = (r.schedules.keep(Look()) for r in (one, two))
        waits = await asyncio.gather(*both, return_exceptions=True)
        assert [type(w).__name__ for w in waits] == ["JobWaits", "JobWaits"]
        assert sorted(head.kind for _, head in world.said.heads) == ["ListDocuments", "SyncCounts"]
        syncs = await world.gateway.queries.syncs(TENANT, "huntress")
        assert [(s.asked, s.day) for s in syncs] == [("schedule", "2026-01-02")]

    in_virtual_time(story())


def test_changing_the_settings_arms_it_anew_at_once() -> None:
    async def story() -> None:
        world = World(START, sweep_s=5)
        world.up("one")
        world.up("two")
        await asyncio.sleep(1000)
        await world.set("UTC", huntress=Schedule(enabled=True, at="12:00"))
        await asyncio.sleep(3600)
        await world.set("UTC", huntress=Schedule(enabled=True, at="02:00"))
        await asyncio.sleep(3600 - 1000 + 10)
        assert [o.due.hour for o in await world.gateway.schedules.occurrences(TENANT)] == [2]
        await world.set("Asia/Kathmandu", huntress=Schedule(enabled=True, at="12:00"))
        await asyncio.sleep(6 * 3600)
        dues = [o.due for o in await world.gateway.schedules.occurrences(TENANT)]
        assert dues[1:] == [START + timedelta(hours=6, minutes=15)], "12:00 there, 5 3/4 h ahead"
        await world.set("Asia/Kathmandu", huntress=Schedule(at="12:00"))
        await asyncio.sleep(40 * 3600)
        assert len(await world.gateway.schedules.occurrences(TENANT)) == 2, "it is switched off"
        assert len(await world.gateway.jobs.open(TENANT)) == 1, "older keepers have ended"
        await world.stop()

    in_virtual_time(story())


def test_other_settings_leave_the_keeper_alone() -> None:
    async def story() -> None:
        world = World(START)
        await world.set("UTC", huntress=DAILY)
        assert len(await world.gateway.jobs.open(TENANT)) == 1
        await world.change(lambda s: s.model_copy(update={"chains": {"d": "separate"}}))
        assert len(await world.gateway.jobs.open(TENANT)) == 1

    in_virtual_time(story())


def test_a_command_that_a_person_waits_for_begins_nothing_and_who_keeps_them_does() -> None:
    async def story() -> None:
        world = World(START)
        await world.set("UTC", huntress=DAILY)
        world.up("command", keeps=False)
        await asyncio.sleep(86_400)
        assert not world.said.heads
        await world.down("command")
        world.up("one")
        await world.gateway.schedules.arm(TENANT)
        await asyncio.sleep(86_400)
        assert [head.day for _, head in world.said.heads] == ["2026-01-02"]
        await world.stop()

    in_virtual_time(story())


def test_what_was_accepted_goes_along_and_the_day_is_the_tenants_own() -> None:
    async def story() -> None:
        world = World(START)
        await world.set("Pacific/Auckland", huntress=Schedule(enabled=True, at="00:30"))
        world.up("one")
        await asyncio.sleep(86_400)
        [(_, head)] = world.said.heads
        assert (head.kind, head.day, head.mode) == ("SyncCounts", "2026-01-02", "detailed")
        await world.stop()

    in_virtual_time(story())
