"""The poster mounted on the embedded bus and store, its jobs run by the real runner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from chassis.clock import SystemClock
from chassis.embedded import EmbeddedStore
from chassis.jobs import JobRunner, Jobs
from chassis.service import Route, Service
from chassis.versions import SettingsVersions
from poster_halo.app import build
from schemas.messages import (
    ApplyRun,
    ApprovedPlan,
    BatchEntry,
    PlanRun,
    PostingDone,
    PostingPlanned,
    PostingUndone,
    UndoPostings,
)
from support.poster import CONNECTION, TENANT, body_of, charge, resolved

from .world import World

ENTRIES = TypeAdapter(list[BatchEntry])
PLANS = TypeAdapter(list[ApprovedPlan])
NAMES = TypeAdapter(list[str])


async def test_plan_apply_and_undo_by_messages_delivered_twice(
    world: World, tmp_path: Path
) -> None:
    store = EmbeddedStore.open(tmp_path)
    jobs = Jobs(store.records, SystemClock())
    service = build(
        records=store.records,
        outbox=store.outbox,
        jobs=jobs,
        clock=SystemClock(),
        open_halo=world.open_halo,
    )
    facts: asyncio.Queue[Any] = asyncio.Queue()

    async def heard(head: Any, body: Any) -> None:
        await facts.put(head)

    routes = (
        Route("postings.planned.v1", {PostingPlanned: heard}),
        Route("postings.done.v1", {PostingDone: heard, PostingUndone: heard}),
    )
    store.bus.mount(service)
    store.bus.mount(Service("listener", routes))
    version = await SettingsVersions(store.records).store(TENANT, world.settings)
    runner = JobRunner(jobs, service.jobs, "test")
    await store.start()
    running = asyncio.create_task(runner.run())
    lines = [charge(n) for n in range(3000)]  # its body goes by the store
    batch = resolved(lines, settings=version)
    common = {
        "tenant": TENANT,
        "run": batch.run,
        "revision": batch.revision,
        "settings": version,
        "document": batch.document,
        "connection": CONNECTION,
    }
    entry = BatchEntry(
        batch=batch.batch,
        content=batch.content,
        revision=batch.revision,
        bill_to=batch.bill_to,
        currency="USD",
    )

    async def tell(head: Any, body: bytes) -> None:
        await store.bus.publish([await store.bodies.message(head, TENANT, body)] * 2)

    try:
        await tell(PlanRun.model_validate(common), ENTRIES.dump_json([entry]))  # comes too early
        await tell(batch, body_of(lines))
        planned = await asyncio.wait_for(facts.get(), 20)
        assert (planned.kind, planned.operations) == ("PostingPlanned", 1)
        approved = ApprovedPlan(batch=batch.batch, plan=planned.plan, hash=planned.hash)
        await tell(ApplyRun.model_validate(common), PLANS.dump_json([approved]))
        done = await asyncio.wait_for(facts.get(), 20)
        assert (done.kind, done.matches, done.created) == ("PostingDone", True, 1)
        undo = UndoPostings.model_validate(common | {"revision": 2})
        await tell(undo, NAMES.dump_json([planned.plan]))
        undone = await asyncio.wait_for(facts.get(), 20)
        assert undone.kind == "PostingUndone"
        assert [row["voided"] for row in await world.invoices()] == [True]
        assert facts.empty()
    finally:
        await runner.stop()
        await running
        await store.stop()
        store.close()
