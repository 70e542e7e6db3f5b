"""Lifecycle mounted on the embedded bus and store, its jobs run by the real runner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from chassis.clock import SystemClock
from chassis.embedded import EmbeddedStore
from chassis.jobs import JobRunner, Jobs
from chassis.service import Route, Service
from lifecycle.app import build
from schemas.messages import (
    BatchEntry,
    ChargesResolved,
    CreateItems,
    ItemsCreated,
    ResolveRun,
)
from support.lifecycle import entry, line, lines_body, normalized

from .test_creating_job import P2, once_each_row
from .test_resolving_job import new_product
from .world import World

ENTRIES = TypeAdapter(list[BatchEntry])
KEYS = TypeAdapter(list[str])


async def test_a_run_goes_through_commands_facts_and_jobs(world: World, tmp_path: Path) -> None:
    store = EmbeddedStore.open(tmp_path)
    clock = SystemClock()
    jobs = Jobs(store.records, clock)
    service = build(
        records=store.records,
        outbox=store.outbox,
        jobs=jobs,
        clock=clock,
        open_halo=world.open_halo,
    )
    facts: asyncio.Queue[Any] = asyncio.Queue()

    async def heard(head: Any, body: Any) -> None:
        await facts.put(head)

    routes = (
        Route("charges.resolved.v1", {ChargesResolved: heard}),
        Route("items.created.v1", {ItemsCreated: heard}),
    )
    store.bus.mount(service)
    store.bus.mount(Service("listener", routes))
    version = await world.store_settings(store.records)
    runner = JobRunner(jobs, service.jobs, "test")
    await store.start()
    running = asyncio.create_task(runner.run())
    try:
        lines = [line(1), new_product()]
        head = normalized(lines, settings=version)
        resolve = world.command(ResolveRun, settings=version)
        body = ENTRIES.dump_json([entry(head)])
        publish = [
            await store.bodies.message(resolve, "t1", body),  # overtakes what it speaks of
            await store.bodies.message(head, "t1/client:42", lines_body(lines)),
        ]
        await store.bus.publish(publish)
        resolved = await asyncio.wait_for(facts.get(), 10)
        assert (resolved.kind, resolved.proposed) == ("ChargesResolved", 1)
        create = world.command(CreateItems, settings=version)
        await store.bus.publish(
            [await store.bodies.message(create, "t1", KEYS.dump_json([P2]))] * 2
        )
        made = await asyncio.wait_for(facts.get(), 10)
        assert (made.kind, made.created, made.failed) == ("ItemsCreated", 1, 0)
        await once_each_row(world, P2)
    finally:
        await runner.stop()
        await running
        await store.stop()
        store.close()
