"""One history in virtual time: a drawn world, drawn operations, drawn faults, then the truth.

While faults may strike nothing is demanded but safety. Then they stop, and everything must drain:
each document ends, its statement balances, and the oracle finds every line once.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from random import Random
from typing import Any

import oracle
from chaos import operations, world
from chaos.drive import TENANT, Stuck, bill, listed, run_of, set_up, undo
from chaos.faults import Planted, draw_hazards
from chargeline.system import System
from chassis.clock import LoopClock
from chassis.errors import Failure, TransientError
from sandbox.app import Sandbox
from support.simulated import (
    CALM,
    Crashed,
    Hazards,
    Machine,
    open_system,
    run_until_crash,
    simulated_loop,
)

CRASHES_MAX = 8  # in one step; then the machine is left alone
STEP_PATIENCE_S = 2 * 3600.0
DRAIN_ROUNDS = 6
UNDO_FIRST = ("posted-differently", "gone-at-destination", "edited-at-destination")


@dataclass
class Outcome:
    """What became of one history."""

    seed: int
    trace: str = ""
    events: int = 0
    crashes: int = 0
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.unbalanced)


class History:
    """The state of one history: the app outlives the crashes of the system."""

    def __init__(self, seed: int, folder: Path, behaviour: world.Behaviour | None = None) -> None:
        self.seed, self.folder = seed, folder
        self.rng = Random(f"history {seed}")
        self.world = world.make(seed, behaviour=behaviour)
        self.app: Sandbox = world.sandbox_of(self.world)
        self.machine = Machine(Random(f"machine {seed}"))
        self.clock = LoopClock(datetime.combine(self.world.today, time(9), UTC))
        self.planted = Planted(self.rng, self.world.has_ids)
        self.hazards: Hazards = draw_hazards(self.rng)
        self.outcome = Outcome(seed)
        self.settings = self.world.unanswered
        self.starts = 0
        self.answered: set[str] = set()

    async def step[T](
        self, name: str, work: Callable[[System], Awaitable[T]], *, calm: bool = False
    ) -> T | None:
        """Do it in a process of its own; begin it again after every crash."""
        self.outcome.story.append(name)
        for attempt in range(CRASHES_MAX + 1):
            struck = attempt < CRASHES_MAX and not calm
            self.machine.hazards = self.hazards if struck else CALM
            self.starts += 1
            system = open_system(
                self.machine, self.folder, self.app, self.clock, self.seed * 1000 + self.starts
            )
            try:
                return await run_until_crash(self.machine, system, work)
            except Crashed:
                self.outcome.crashes += 1
                self.outcome.story.append(f"crash in {name}")
                await asyncio.sleep(self.rng.choice((0.0, 1.0, 40.0)))
            except TransientError as away:  # whoever asked asks again
                if calm:
                    raise
                self.outcome.story.append(f"{name} failed: {away.code}")
            except (Stuck, Failure) as slow:
                if calm:
                    raise
                self.outcome.story.append(f"{name} left: {slow}")
                return None
        return None

    async def live(self) -> Outcome:
        """The whole history."""
        try:
            await operations.play(self)
            await self.drain()
        except (Stuck, Failure, AssertionError) as wrong:
            self.outcome.unbalanced.append(f"liveness: {type(wrong).__name__}: {wrong}")
            self._judge()
        self.outcome.trace = self.machine.trace.hexdigest()
        self.outcome.events = self.machine.events
        self.outcome.fired = self.machine.fired + self.planted.fired(self.app)
        return self.outcome

    async def drain(self) -> None:
        """Faults off: all documents to their end, in order, until nothing moves."""
        self.planted.stop(self.app)
        await asyncio.sleep(600.0)
        self.settings = self.world.settings
        for document in self.world.documents:
            await self.step("drain", self._drained(document), calm=True)
        gaps = await self.step("statement", self._statement_gaps, calm=True)
        self._judge()
        self.outcome.unbalanced += gaps or []

    def _judge(self) -> None:
        verdict = oracle.judge(self.world.file(), self.world.settings, world.state_of(self.app))
        self.outcome.lost += [str(f) for f in verdict.of("lost")]
        self.outcome.doubled += [str(f) for f in verdict.of("doubled")]
        self.outcome.unbalanced += [str(f) for f in verdict.of("unbalanced")]

    def _drained(self, document: str) -> Callable[[System], Awaitable[None]]:
        async def work(system: System) -> None:
            await set_up(system, self.settings)
            await listed(system)
            for _ in range(DRAIN_ROUNDS):
                await bill(system, document, again=True)
                if not await _moves(system, document) and not await self._answer(system, document):
                    return
            run = await run_of(system, document)
            assert run is not None, "every document has a run"
            why = f"{run.stage} {run.problem or ''} {run.text}"
            self.outcome.unbalanced.append(f"{document[:8]} never comes to rest: {why}")

        return work

    async def _answer(self, system: System, document: str) -> int:
        """What a person does about holds that ask for it: take the posting back."""
        run = await run_of(system, document)
        assert run is not None, "every document has a run"
        views = await system.gateway.queries.batches(TENANT, run.run)
        asked = [v for v in views if v.code in UNDO_FIRST]
        self.outcome.story += [f"{v.bill_to} {v.currency}: {v.code}: {v.text}" for v in asked]
        for view in asked:
            known = await undo(system, document, [view.batch])
            if not known or view.text in self.answered:  # a store restored from a backup
                operations.clear_by_hand(self, view.text)
            self.answered.add(view.text)
        return len(asked)

    async def _statement_gaps(self, system: System) -> list[str]:
        """The printed statement against the oracle's own sums of the load."""
        gaps: list[str] = []
        statements: list[dict[str, Any]] = []
        expected = oracle.expectations(
            self.world.file()["pax8"], self.world.load["halopsa"], self.world.settings
        )
        for document in self.world.documents:
            run = await run_of(system, document)
            assert run is not None, "every document has a run"
            shown = await system.gateway.queries.statement(TENANT, run.run)
            lines = [e for e in expected if e.document == document and not e.members]
            statements.append(shown.model_dump(mode="json"))
            gaps += oracle.statement_gaps(document[:8], lines, statements[-1])
        gaps += oracle.standing_gaps(world.state_of(self.app), statements)
        parked = [row async for row in _parked(system)]
        return gaps + [f"parked: {row}" for row in parked]


async def _parked(system: System) -> Any:
    for row in await system.store.records.find(TENANT, "parked", "state", "parked", limit=5):
        yield row.key


async def _moves(system: System, document: str) -> bool:
    """Whether another round may bring more: something was refused or waits for a settled write."""
    run = await run_of(system, document)
    assert run is not None, "every document has a run"
    if run.problem is not None:
        return True
    views = await system.gateway.queries.batches(TENANT, run.run)
    return any(
        e.lines and e.outcome in ("refused", "pending") for v in views for e in v.entries
    ) or (any(v.created or v.updated for v in views))


def play(seed: int, folder: Path, behaviour: world.Behaviour | None = None) -> Outcome:
    """Run one seed to its end, on a loop of its own."""
    shutil.rmtree(folder, ignore_errors=True)

    async def main() -> Outcome:
        return await History(seed, folder / "data", behaviour).live()

    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),  # the log of a rough day is long
            asyncio.Runner(loop_factory=simulated_loop) as runner,
        ):
            return runner.run(main())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
