"""Commands become jobs, once each, and the jobs run under the real runner."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from pydantic import SecretStr

from chassis.clock import LoopClock
from chassis.jobs import JobRunner, Jobs
from chassis.outbox import Outbox
from chassis.service import JobRun
from chassis.versions import SettingsVersions
from ingest_pax8.app import build
from schemas.messages import DocumentRead, IngestDocument, ListDocuments, ReadDrafts
from schemas.settings import Settings
from vendors.pax8 import Line, Pax8, Pax8Credentials

from .rows import DOCUMENT, document
from .world import TENANT, World


class NoBody:
    async def load(self) -> bytes:
        return b""


async def test_a_command_that_comes_twice_is_one_job_and_one_answer(world: World) -> None:
    await world.load(invoices=[document(3)])
    clock = LoopClock(datetime(2026, 11, 5, tzinfo=UTC))

    async def open_pax8(_: JobRun, __: Settings) -> Pax8:
        key = Pax8Credentials("anyone", SecretStr("anything"))
        return Pax8("http://sandbox/pax8", key, Line(world.http, clock))

    jobs = Jobs(world.records, clock)
    service = build(
        records=world.records,
        outbox=Outbox(world.records, world.bus),
        jobs=jobs,
        open_pax8=open_pax8,
    )
    version = await SettingsVersions(world.records).store(TENANT, Settings())
    command = IngestDocument(
        tenant=TENANT, run="run", revision=1, settings=version, document=DOCUMENT, match_first=False
    )
    [route] = service.routes
    for _ in range(2):
        await route.on[IngestDocument](command, NoBody())
    assert len(await jobs.open(TENANT)) == 1
    runner = JobRunner(jobs, service.jobs, "one")
    task = asyncio.create_task(runner.run())
    await runner.idle()
    await runner.stop()
    await task
    [read] = world.facts(DocumentRead)
    assert (read.head.batches, read.head.rows_read, read.head.problem) == (1, 3, None)


async def test_commands_for_another_source_are_not_for_us(world: World) -> None:
    jobs = Jobs(world.records, LoopClock(datetime(2026, 11, 5, tzinfo=UTC)))

    async def open_pax8(_: JobRun, __: Settings) -> Pax8:
        raise AssertionError("nobody asks Pax8")

    outbox = Outbox(world.records, world.bus)
    service = build(records=world.records, outbox=outbox, jobs=jobs, open_pax8=open_pax8)
    version = await SettingsVersions(world.records).store(TENANT, Settings())
    [route] = service.routes
    for kind in (ListDocuments, IngestDocument, ReadDrafts):
        command = kind(tenant=TENANT, run="run", revision=1, settings=version, source="huntress")
        await route.on[kind](command, NoBody())
    assert await jobs.open(TENANT) == []


async def test_wrong_credentials_reach_the_run_as_a_problem(world: World) -> None:
    await world.load(invoices=[document(3)])
    clock = LoopClock(datetime(2026, 11, 5, tzinfo=UTC))

    async def open_pax8(_: JobRun, __: Settings) -> Pax8:
        key = Pax8Credentials("bad", SecretStr("anything"))
        return Pax8("http://sandbox/pax8", key, Line(world.http, clock))

    jobs = Jobs(world.records, clock)
    outbox = Outbox(world.records, world.bus)
    service = build(records=world.records, outbox=outbox, jobs=jobs, open_pax8=open_pax8)
    version = await SettingsVersions(world.records).store(TENANT, Settings())
    command = IngestDocument(
        tenant=TENANT, run="run", revision=1, settings=version, document=DOCUMENT
    )
    [route] = service.routes
    await route.on[IngestDocument](command, NoBody())
    runner = JobRunner(jobs, service.jobs, "one")
    task = asyncio.create_task(runner.run())
    await runner.idle()
    await runner.stop()
    await task
    [read] = world.facts(DocumentRead)
    assert (read.head.problem, read.head.batches) == ("pax8-login", 0)
    assert "client id" in read.head.text
