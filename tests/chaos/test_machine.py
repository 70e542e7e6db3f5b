"""The whole system as a state machine: people, vendors and the machine do what Hypothesis draws.

What it draws it also shortens: a history that fails is told in the fewest steps that still do. The
model is the oracle's, which reads what was loaded and what HaloPSA has in the end. HISTORIES says
how many are played; SHORTEN=0 leaves a failing one as it was drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import tempfile
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chaos import operations
from chaos.history import History
from chaos.operations import OPERATIONS
from support.simulated import CALM, simulated_loop

HISTORIES = int(os.environ.get("HISTORIES", "4"))
PHASES = [Phase.generate] if os.environ.get("SHORTEN") == "0" else list(Phase)
STEPS = 5
HAZARDS = {
    "crash": 0.004,
    "store_before": 0.02,
    "store_after": 0.02,
    "slow_store": 0.05,
    "twice": 0.2,
    "rewind": 0.05,
}


class Billing(RuleBasedStateMachine):
    """A document is billed first; then anything may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="chargeline-machine-")
        self._runner = asyncio.Runner(loop_factory=simulated_loop)
        self.history: History | None = None
        self.billed = 0  # documents

    def _live(self, work: Awaitable[None]) -> None:
        async def lived() -> None:
            await work

        with contextlib.redirect_stderr(io.StringIO()):  # the log of a rough day is long
            self._runner.run(lived())

    @property
    def _now(self) -> History:
        assert self.history is not None, "it has begun"
        return self.history

    @initialize(
        seed=st.integers(0, 9_999),
        behaviour=st.sampled_from(("new", "latest", "recurring")),
        answered=st.booleans(),
        hazard=st.sampled_from(sorted(HAZARDS)),
    )
    def ingest(self, seed: int, behaviour: Any, hazard: str, *, answered: bool) -> None:
        """The first document comes while something may already go wrong."""
        self.history = History(seed, Path(self._folder.name) / "data", behaviour)
        if answered:
            self.history.settings = self.history.world.settings
        self.strike(hazard)
        self._live(operations.first_bill(self.history, self.history.world.documents[0]))
        self.billed = 1

    @rule(hazard=st.sampled_from(sorted(HAZARDS)))
    def strike(self, hazard: str) -> None:
        """From now on the machine dies, the store fails, messages come twice or again."""
        self._now.hazards = replace(CALM, **{hazard: HAZARDS[hazard]})

    @rule(count=st.integers(1, 3))
    def disturb(self, count: int) -> None:
        """A vendor's answers are lost after they took effect, refused, late or broken."""
        self._now.planted.draw(self._now.app, count)

    @rule(name=st.sampled_from(sorted(OPERATIONS)), place=st.integers(0, 1))
    def work(self, name: str, place: int) -> None:
        """Edit, void, reprice, map late, undo, replay."""
        document = self._now.world.documents[min(place, self.billed - 1)]
        self._live(OPERATIONS[name](self._now, document))

    @precondition(lambda self: self.history is not None and self._waits())
    @rule()
    def next_month(self) -> None:
        """Pax8 has its next document."""
        self._live(operations.second_document(self._now))
        self._live(operations.first_bill(self._now, self._now.world.documents[self.billed]))
        self.billed += 1

    def _waits(self) -> bool:
        return self.billed < len(self._now.world.documents)

    def teardown(self) -> None:
        """Faults off: everything drains, and the model is what stands."""
        try:
            if self.history is not None and self.billed:
                while self._waits():
                    self.next_month()
                self._live(self._now.drain())
                found = self._now.outcome
                wrong = [*found.lost, *found.doubled, *found.unbalanced]
                assert wrong == [], (wrong, found.story)
        finally:
            self._runner.close()
            self._folder.cleanup()


def test_whatever_is_drawn_every_line_is_billed_once_and_every_statement_balances() -> None:
    run_state_machine_as_test(
        Billing,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            phases=PHASES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"histories={HISTORIES} lost=0 doubled=0 unbalanced=0")
