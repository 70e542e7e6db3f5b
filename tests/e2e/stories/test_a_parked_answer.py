"""An answer of the poster that the gateway can not take: the run ends, and its money is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from chassis.errors import PermanentError
from chassis.service import Body
from gateway.handlers import Handlers
from schemas.messages import BatchHead, PostingDone
from schemas.money import ZERO
from support import small
from support.standing import ITEMS, stands, usd
from support.virtual_loop import in_virtual_time
from support.world import World


def test_a_run_ends_though_the_answers_about_what_it_posted_are_parked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Handlers.on_posting
    mended = False

    async def on_posting(self: Handlers, head: BatchHead, body: Body) -> None:
        if isinstance(head, PostingDone) and not mended:
            raise PermanentError("test-broken", "it can not be taken")
        await taken(self, head, body)

    monkeypatch.setattr(Handlers, "on_posting", on_posting)

    async def story() -> None:
        nonlocal mended
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            ran = await w.bill()
            assert (usd(ran).held_by, usd(ran).price.unexplained) == ({"parked": Decimal(40)}, ZERO)
            assert await stands(w) == 40
            mended = True
            [first, *_] = await w.system.store.parking.list("msp")
            assert (await w.system.store.parking.retry("msp", first.id)).done == 2
            ran = await w.ended(ran.run.run)
            assert (usd(ran).posted_by, usd(ran).price.unexplained) == (
                {"parked": Decimal(40)},
                ZERO,
            )
            ran = await w.again(ran)
            assert (usd(ran).posted_by, usd(ran).price.posted) == ({}, Decimal(40))
            assert await stands(w) == 40

    in_virtual_time(story())
