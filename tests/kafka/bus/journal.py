"""Replicas as processes, and what their common journal says about lost, doubled and overlapping.

Each replica's own log lies beside the journal.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chassis.servers.settings import ServerSettings
from distributed.rebalances import dealt_out

REPLICA = Path(__file__).with_name("replica.py")
TESTS = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: which process, what, which message, when."""

    process: int
    what: str
    key: str
    number: int
    at: int


class Journal:
    """What all replicas noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self, what: str) -> list[Line]:
        split = (line.split() for line in self.path.read_text().splitlines())
        rows = [Line(int(p), w, k, int(n), int(t)) for p, w, k, n, t in split]
        return [row for row in rows if row.what == what]

    def done(self) -> Counter[int]:
        """How often each message was done."""
        return Counter(row.number for row in self.lines("ends"))

    def begun(self) -> Counter[int]:
        return Counter(row.number for row in self.lines("begins"))

    def effects(self) -> Counter[int]:
        """How often each message had its effect."""
        return Counter(row.number for row in self.lines("effect"))

    def rebalances(self, partitions: int) -> int:
        """How often the group dealt out its partitions anew."""
        logs = self.path.parent.glob("replica-*.log")
        return dealt_out(logs, partitions).total() - 1  # nobody had them before the first time

    def in_order(self) -> bool:
        """Per key, and disregarding what came again."""
        numbers: dict[str, list[int]] = {}
        for row in self.lines("ends"):
            numbers.setdefault(row.key, []).append(row.number)
        firsts = [list(dict.fromkeys(some)) for some in numbers.values()]
        return all(some == sorted(some) for some in firsts)

    def overlaps(self) -> int:
        """How often a key was at work in two processes at once."""
        found = 0
        at_work: dict[str, set[int]] = {}
        both = sorted(self.lines("begins") + self.lines("ends"), key=lambda row: row.at)
        for row in both:
            working = at_work.setdefault(row.key, set())
            if row.what == "begins":
                found += bool(working - {row.process})
                working.add(row.process)
            else:
                working.discard(row.process)
        return found

    async def until(self, reached: Callable[[Journal], bool], what: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not reached(self):
            assert time.monotonic() < ends, f"{what} was not reached:\n{self.path.read_text()}"
            await asyncio.sleep(0.02)


class Replica:
    """A process of its own."""

    def __init__(self, settings: ServerSettings, journal: Journal, *words: object) -> None:
        given = settings.model_dump(mode="json", exclude={"today", "replica"})
        environment = {f"CHARGELINE_{name.upper()}": str(value) for name, value in given.items()}
        self._journal = journal
        paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        with tempfile.NamedTemporaryFile(
            dir=journal.path.parent, prefix="replica-", suffix=".log", delete=False
        ) as log:
            self._process = subprocess.Popen(
                [sys.executable, str(REPLICA), str(journal.path), *map(str, words)],
                env={**os.environ, **environment, "PYTHONPATH": paths},
                stderr=log,
            )
        self.pid = self._process.pid

    async def joined(self) -> None:
        """It has been told its partitions."""
        await self._journal.until(
            lambda j: any(row.process == self.pid for row in j.lines("joined")),
            f"{self.pid} joined",
        )

    async def has_done(self, number: int) -> None:
        await self._journal.until(
            lambda j: sum(row.process == self.pid for row in j.lines("ends")) >= number,
            f"{number} done by {self.pid}",
        )

    def kill(self) -> None:
        """SIGKILL; nothing happens to one that has ended."""
        self._process.kill()
        self._process.wait()

    async def stop(self) -> None:
        """As an operator does it; it has to end well."""
        self._process.terminate()
        assert await asyncio.to_thread(self._process.wait, PATIENCE_S) == 0


class Start(Protocol):
    """Starts one that takes so many seconds for a message; `changes` are of its settings.

    `blocks`: whichever process gets message 0 first stands still until another one has done it.
    """

    def __call__(self, takes_s: float, *, blocks: bool = False, **changes: float) -> Replica: ...
