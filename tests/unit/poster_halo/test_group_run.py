"""Groups go on one after the other; what was read back is told, and a mismatch stops the rest."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.errors import PermanentError
from poster_halo.group_run import GroupRun
from poster_halo.groups import Todo
from poster_halo.reading import STOPPED

BROKEN = PermanentError("body-missing", "its lines are gone")


class FakeReading:
    """Shows what it is asked for; remembers what was told."""

    def __init__(self, *, mismatch: str = "", untellable: str = "") -> None:
        self.mismatch, self.untellable = mismatch, untellable
        self.told: list[str] = []
        self.telling = 0

    async def read_back(self, *_: Any) -> dict[int, None]:
        return {}

    def compared(self, work: Any, *_: Any) -> Any:
        return SimpleNamespace(name=work.name, matches=work.name != self.mismatch)

    async def finish(self, compared: Any) -> None:
        self.telling += 1
        await asyncio.sleep(0.003 * self.telling)  # the one before is told well before
        if compared.name == self.untellable:
            raise BROKEN
        self.told.append(compared.name)


class FakeJob:
    """Remembers whether the rest was stopped."""

    def __init__(self) -> None:
        self.checkpoint = b""

    async def save(self, checkpoint: bytes) -> None:
        self.checkpoint = checkpoint


class Run(GroupRun):
    """Batches are named by their approved plans; `broken` can not be planned."""

    def __init__(self, reading: FakeReading, broken: str = "") -> None:
        nothing: Any = None
        shown: Any = reading
        job: Any = FakeJob()
        super().__init__(nothing, nothing, job, nothing, None, shown)
        self.job = job
        self.broken, self.written = broken, list[str]()

    async def _work(self, approved: Any, *_: Any) -> Any:
        if approved == self.broken:
            raise BROKEN
        return SimpleNamespace(name=approved, goes=True)

    async def _write(self, work: Any, *_: Any) -> bool:
        self.written.append(work.name)
        await asyncio.sleep(0)
        return True


def groups(*names: str) -> list[list[Todo]]:
    batch: Any = SimpleNamespace(kept_lines=1)
    nothing: Any = None
    return [[Todo(one, nothing, batch) for one in group] for group in map(list, names)]  # type: ignore[arg-type]


async def test_every_group_is_told_in_the_end() -> None:
    reading = FakeReading()
    run = Run(reading)
    assert await run.groups(groups("a", "bc", "d"))
    await run.close()
    assert sorted(reading.told) == run.written == ["a", "b", "c", "d"]


async def test_what_was_read_back_is_told_though_the_next_group_can_not_be_planned() -> None:
    reading = FakeReading()
    run = Run(reading, broken="c")
    with pytest.raises(PermanentError):
        await run.groups(groups("a", "b", "c"))
    await run.close()
    assert sorted(reading.told) == run.written == ["a", "b"]


async def test_what_was_read_back_is_told_though_the_group_before_can_not_be_told() -> None:
    reading = FakeReading(untellable="a")
    run = Run(reading)
    with pytest.raises(PermanentError):
        await run.groups(groups("a", "b", "c"))
    await run.close()
    assert run.written[:2] == ["a", "b"]
    assert reading.told == ["b"]


async def test_a_mismatch_is_noted_before_anything_else_may_fail_and_nothing_more_is_written() -> (
    None
):
    reading = FakeReading(mismatch="b", untellable="a")
    run = Run(reading)
    with pytest.raises(PermanentError):
        await run.groups(groups("a", "b", "c"))
    await run.close()
    assert run.job.checkpoint == STOPPED
    assert run.written == ["a", "b"]
    assert reading.told == ["b"]
