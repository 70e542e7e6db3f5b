"""CreateItems under lost answers, refusals that never came, and death at any step."""

from __future__ import annotations

import pytest

from chassis.service import JobWaits
from lifecycle.records import ItemRecords
from support.lifecycle import TENANT

from .conftest import Make
from .test_creating_job import P2, creating, made, once_each, propose
from .world import World


async def test_a_lost_answer_makes_one_item(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "lost_answer", "path": "/Item", "method": "POST", "times": 1})
    await world.run(creating(world))
    await once_each(world)
    assert (await world.calls())["POST /Item"] == 2


async def test_a_lost_answer_to_the_group_makes_one_group(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "lost_answer", "path": "/AssetGroup", "method": "POST", "times": 1})
    await world.run(creating(world))
    await once_each(world)
    assert (await world.calls())["POST /AssetGroup"] == 1


async def test_a_write_that_never_arrived_is_sent_again_after_a_look(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "empty_500", "path": "/Item", "method": "POST", "times": 1})
    await world.run(creating(world))
    await once_each(world)
    assert (await world.calls())["POST /Item"] == 3


async def test_nobody_looks_before_the_write_has_settled(world: World) -> None:
    await propose(world)
    started = world.clock.now()
    await world.spoil({"kind": "lost_answer", "path": "/Item", "method": "POST", "times": 1})
    await world.run(creating(world))
    waited = (world.clock.now() - started).total_seconds()
    assert waited >= world.settings.halopsa.settle_s


async def test_a_new_process_waits_out_the_write_of_a_dead_one(world: World) -> None:
    await propose(world)
    dead = world.items()[P2].model_copy(
        update={"state": "creating", "started_at": world.clock.now().isoformat()}
    )
    await ItemRecords(world.outbox).put(TENANT, dead)
    await world.run(creating(world))
    assert world.waits == ["an uncertain write may still land"]
    await once_each(world)


async def test_the_group_is_looked_for_only_when_its_write_has_settled(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "lost_answer", "path": "/AssetGroup", "method": "POST", "times": 1})
    job = creating(world)
    kind = world.service.jobs["CreateItems"]
    for _ in range(2):  # the second time, no time has passed
        with pytest.raises(JobWaits):
            await kind(job)
    assert (await world.calls())["GET /AssetGroup"] == 1


async def test_after_three_looks_without_result_it_is_refused(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "empty_500", "path": "/Item", "method": "POST", "times": 99})
    await world.run(creating(world, P2))
    got = made(world)[P2]
    assert (got.item, got.code) == (None, "item-refused")
    assert (await world.calls())["POST /Item"] == 3


async def test_the_call_limit_is_no_uncertain_write(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "rate_limit", "path": "/Item", "method": "POST", "times": 1})
    await world.run(creating(world))
    await once_each(world)
    assert (await world.calls())["GET /Item"] == 1  # nobody had to look


@pytest.mark.parametrize("fault", [None, "lost_answer", "empty_500"])
async def test_killed_at_any_step_each_item_is_made_once(make: Make, fault: str | None) -> None:
    step, killed = 0, True
    while killed:
        step += 1
        world = await make()
        await propose(world)
        if fault:
            await world.spoil({"kind": fault, "path": "/Item", "method": "POST", "times": 1})
        killed = await world.run_killed_at(creating(world), step)
        await once_each(world)
    assert step > 20
