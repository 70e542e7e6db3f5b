"""Commands become jobs, once; a command meant for another service is ignored."""

from __future__ import annotations

from chassis.jobs import Jobs
from schemas.messages import COMMANDS, CreateItems, MatchCompanies, PlanRun, ResolveRun
from support.lifecycle import CONNECTION, TENANT
from support.memory_records import MemoryRecords

from .world import World


async def open_jobs(world: World) -> list[str]:
    jobs = Jobs(MemoryRecords(world.shelf), world.clock)
    found = await jobs.open(TENANT)
    assert all(job.head.connection == CONNECTION for job in found)
    return [job.head.kind for job in found]


async def test_each_command_is_one_job_however_often_it_comes(world: World) -> None:
    for kind in (MatchCompanies, ResolveRun, CreateItems):
        for _ in range(2):
            await world.deliver(world.command(kind), b"[]")
    assert await open_jobs(world) == ["MatchCompanies", "ResolveRun", "CreateItems"]


async def test_a_new_revision_is_a_new_job(world: World) -> None:
    await world.deliver(world.command(ResolveRun), b"[]")
    await world.deliver(world.command(ResolveRun, revision=3), b"[]")
    assert await open_jobs(world) == ["ResolveRun", "ResolveRun"]


async def test_commands_for_other_services_are_nobodys_here(world: World) -> None:
    await world.deliver(world.command(PlanRun), b"[]")
    assert await open_jobs(world) == []
    (commands,) = [r for r in world.service.routes if r.topic == "runs.commanded.v1"]
    assert commands.others == "ignore"
    assert set(commands.on) <= set(COMMANDS)


async def test_every_job_kind_can_tell_its_failure(world: World) -> None:
    assert set(world.service.jobs) == {
        "MatchCompanies",
        "MatchProducts",
        "ResolveRun",
        "CreateItems",
        "ResolveCounts",
    }
