"""The log of a tenant's events: each once, in order, whoever dies or comes too late."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.embedded.store import EmbeddedStore
from gateway.event_log import KEEP, EventLog, KeptEvent, NewEvent
from support.embedded import open_store
from support.telling import MovedClock


@dataclass
class World:
    """A store, its clock, and a log over it; a further log is another process."""

    store: EmbeddedStore
    clock: MovedClock

    def log(self) -> EventLog:
        return EventLog(self.store.outbox, self.clock)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(tmp_path)
    yield World(store, MovedClock())
    store.close()


async def add(log: EventLog, *numbers: int, tenant: str = "msp") -> list[int]:
    """Each by itself: their positions."""
    return [position for n in numbers for position in await add_at_once(log, n, tenant=tenant)]


async def add_at_once(log: EventLog, *numbers: int, tenant: str = "msp") -> list[int]:
    """All of them by one call."""
    new = [NewEvent(f"e{n}", "t", f'{{"n":{n}}}') for n in numbers]
    return [kept.position for kept in await log.append(tenant, new)]


async def kept(log: EventLog, tenant: str = "msp") -> list[tuple[int, str]]:
    return [(k.position, k.id) for k in await log.page(tenant, 0, 1000)]


async def test_positions_are_consecutive_and_each_tenants_own(world: World) -> None:
    log = world.log()
    assert await add(log, 1, 2, 3) == [1, 2, 3]
    assert await add(log, 1, 2, tenant="other") == [1, 2]
    assert await kept(log) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert await kept(log, "other") == [(1, "e1"), (2, "e2")]


async def test_an_event_that_comes_again_stays_where_it_is(world: World) -> None:
    assert await add(world.log(), 1, 2, 3) == [1, 2, 3]
    assert await add(world.log(), 2, 3, 4) == [2, 3, 4], "after a crash, in a new process"


async def test_several_at_once_stand_in_their_order_each_once(world: World) -> None:
    log = world.log()
    assert await add_at_once(log, 1, 2, 1, 3) == [1, 2, 1, 3]
    assert await add_at_once(world.log(), 4, 2, 5) == [4, 2, 5], "some were there before a crash"
    assert await kept(log) == [(n, f"e{n}") for n in range(1, 6)]


async def test_a_process_that_is_late_adds_nothing_twice(world: World) -> None:
    late, living = world.log(), world.log()
    await add(late, 1)
    await add(living, 2, 3)
    assert await add(late, 2, 4) == [2, 4], "what it thinks is the end is not the end"
    assert await add(living, 4, 5) == [4, 5]
    assert [event for _, event in await kept(living)] == ["e1", "e2", "e3", "e4", "e5"]


async def test_the_other_process_adds_the_same_event_between_look_and_insert(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, living = world.log(), world.log()
    await add(late, 1)
    look = late.by_ids

    async def overtaken(tenant: str, event_ids: Collection[str]) -> dict[str, KeptEvent]:
        found = await look(tenant, event_ids)
        monkeypatch.setattr(late, "by_ids", look)
        await add(living, 3)
        return found

    monkeypatch.setattr(late, "by_ids", overtaken)
    assert await add_at_once(late, 2, 3, 4) == [3, 2, 4]
    assert await kept(living) == [(1, "e1"), (2, "e3"), (3, "e2"), (4, "e4")]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 40])
async def test_the_end_is_found_whatever_its_number(world: World, count: int) -> None:
    await add(world.log(), *range(1, count + 1))
    assert await world.log().last("msp") == count


async def test_what_is_kept_too_long_goes_from_the_front(world: World) -> None:
    log = world.log()
    await add(log, *range(1, 21))
    world.clock.move(seconds=KEEP.total_seconds() - 60)
    await add(log, *range(21, 32))
    world.clock.move(seconds=120)
    [last] = await add(log, 32)
    dropped: list[int] = []
    async for old in log.expired("msp", last):
        dropped.append(old.position)
        await log.drop("msp", old)
    assert dropped == list(range(1, 21))
    assert [position for position, _ in await kept(log)] == list(range(21, 33))
    assert await add(world.log(), 33) == [33], "a new process finds the end behind what is gone"


async def test_a_process_that_slept_for_weeks_does_not_fill_the_gap(world: World) -> None:
    sleepy, living = world.log(), world.log()
    await add(sleepy, 1)
    await add(living, 2, 3)
    world.clock.move(seconds=KEEP.total_seconds() + 60)
    for old in await living.page("msp", 0, 2):
        await living.drop("msp", old)
    assert await add(sleepy, 4) == [4]
