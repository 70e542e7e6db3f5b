"""The histories' own steps: one that waits for what nobody was asked for would stand still."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaos.drive import TENANT, bill, listed, set_up, undo
from chaos.history import History
from chargeline.system import System
from support.simulated import simulated_loop


def test_an_undo_waits_for_the_plans_that_it_named_itself(tmp_path: Path) -> None:
    """What an earlier undo has taken back is not named again, and nobody answers for it."""
    history = History(502, tmp_path / "data")

    async def work(system: System) -> tuple[int, bool, bool]:
        await set_up(system, history.world.settings)
        document = (await listed(system))[0]
        run = await bill(system, document)
        views = await system.gateway.queries.batches(TENANT, run.run)
        posted = [view.batch for view in views if view.external_ids]
        await undo(system, document, posted[:1])
        return len(posted), await undo(system, document), await undo(system, document)

    with asyncio.Runner(loop_factory=simulated_loop) as runner:
        told = runner.run(history.step("undo", work, calm=True))
    assert told is not None
    posted, rest, nothing = told
    assert posted > 1
    assert rest
    assert not nothing
