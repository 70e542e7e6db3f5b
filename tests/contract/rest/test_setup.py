"""A set-up that nobody answers: no service runs behind this door."""

from __future__ import annotations

from datetime import timedelta

from chassis.table import Table
from gateway.domain.setup import Setup
from support.rest import Door


async def test_one_that_stands_still_is_given_up_after_an_hour(door: Door) -> None:
    owner = await door.tenant("first")
    begun = (await owner("POST", "/setup")).json()
    assert (begun["state"], begun["missing"]) == ("working", ["pax8", "halopsa"])
    table = Table(door.api.outbox, "setups", Setup)
    for minutes, same in ((59, True), (61, False)):
        stored = await table.get("first", "newest")
        assert stored is not None
        then = (door.api.clock.now() - timedelta(minutes=minutes)).isoformat()
        await table.replace(stored, stored.value.model_copy(update={"moved_at": then}))
        again = (await owner("POST", "/setup")).json()
        assert (again["setup"] == begun["setup"]) is same
