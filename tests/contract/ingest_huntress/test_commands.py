"""Commands become jobs of the Huntress connection, once each; other sources' are not for us."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.clock import LoopClock
from chassis.jobs import JobRunner, Jobs
from chassis.leases import Leases
from chassis.limits import Budgets
from chassis.outbox import Outbox
from chassis.vault import Keys, Vault
from chassis.versions import SettingsVersions
from ingest_huntress.app import build
from sandbox import huntress as sandbox_huntress
from sandbox.app import build_app
from schemas import frame
from schemas.ids import derive_id
from schemas.messages import CountsReceived, Head, IngestDocument, ListDocuments, SyncCounts
from schemas.settings import Settings
from support.counts import counting_settings
from support.huntress import organizations
from support.memory_records import MemoryRecords
from support.virtual_loop import START, in_virtual_time
from vendors.connections import HUNTRESS, Connections

from .world import TENANT, RememberingBus, World


class NoBody:
    async def load(self) -> bytes:
        return b""


def command(kind: type[Head], **changes: Any) -> Any:
    given = {"tenant": TENANT, "run": "run", "revision": 1, "settings": "none"}
    syncs = {"connection": "halo", "day": START.date().isoformat()} if kind is SyncCounts else {}
    return kind.model_validate(
        given | {"source": "huntress", "document": "2026-10"} | syncs | changes
    )


async def test_each_command_is_one_job_of_the_sources_connection(world: World) -> None:
    version = await SettingsVersions(MemoryRecords(world.shelf)).store(TENANT, Settings())
    [route] = world.service.routes
    for kind in (SyncCounts, ListDocuments, IngestDocument):
        for _ in range(2):
            await route.on[kind](command(kind, settings=version), NoBody())
        await route.on[kind](command(kind, settings=version, source="pax8"), NoBody())
    open_jobs = await Jobs(MemoryRecords(world.shelf), world.clock).open(TENANT)
    connection = derive_id("connection", TENANT, HUNTRESS, Settings().huntress.url)
    assert [(job.head.kind, job.head.connection) for job in open_jobs] == [
        ("SyncCounts", connection),
        ("ListCountedMonths", connection),
        ("IngestCountedMonth", connection),
    ]
    assert {job.head.kind for job in open_jobs} == set(world.service.jobs)


class Huntress(httpx.AsyncBaseTransport):
    """The sandbox behind a road that takes its time; what arrived when, and what it answered."""

    def __init__(self) -> None:
        app = build_app(None, today=START.date(), vendors={"huntress": sandbox_huntress.build})
        self.inner = httpx.ASGITransport(app=app)
        self.delays = random.Random(7)
        self.arrived: list[tuple[float, str, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/_sandbox/" in request.url.path:
            return await self.inner.handle_async_request(request)
        await asyncio.sleep(self.delays.uniform(0.05, 0.4))
        now = asyncio.get_running_loop().time()
        answer = await self.inner.handle_async_request(request)
        self.arrived.append((now, request.url.path, answer.status_code))
        return answer

    def most_in_a_minute(self) -> int:
        window: deque[float] = deque()
        most = 0
        for moment, _, _ in self.arrived:
            window.append(moment)
            while moment - window[0] >= 60:
                window.popleft()
            most = max(most, len(window))
        return most


async def synced(count: int, *, budget: bool, **settings: Any) -> tuple[CountsReceived, Huntress]:
    """All of them mapped, read by the real runner under the settings' own limits."""
    road, bus = Huntress(), RememberingBus()
    rows = organizations(count)
    http = httpx.AsyncClient(transport=road)
    load = {"organizations": rows, "settings": settings}
    await http.post("http://sandbox/_sandbox/huntress/load", json=load)
    clock, records = LoopClock(START), MemoryRecords()
    vault = Vault(records, Keys((bytes(32),)))
    keys = {"client_id": SecretStr("hk_1"), "client_secret": SecretStr("hs_1")}
    await vault.put(TENANT, HUNTRESS, keys)
    budgets = Budgets(Leases(records, clock)) if budget else None
    connections = Connections(vault, http, clock, "http://sandbox", budgets=budgets)
    jobs = Jobs(records, clock)
    service = build(
        records=records,
        outbox=Outbox(records, bus),
        jobs=jobs,
        clock=clock,
        open_huntress=connections.open_huntress,
    )
    mapped = [{"company": str(row["id"]), "halo": 42} for row in rows]
    version = await SettingsVersions(records).store(TENANT, counting_settings(*mapped))
    [route] = service.routes
    await route.on[SyncCounts](command(SyncCounts, settings=version), NoBody())
    runner = JobRunner(jobs, service.jobs, "one", rng=random.Random(7))
    task = asyncio.create_task(runner.run())
    await runner.idle()
    await runner.stop()
    await task
    await http.aclose()
    [message] = bus.messages
    return CountsReceived.model_validate_json(frame.decode(message.value)[0]), road


def test_17_under_its_own_limit_no_call_is_refused_and_none_repeated() -> None:
    async def main() -> None:
        fact, road = await synced(203, budget=True)
        assert (fact.problem, fact.organizations, fact.rows) == (None, 203, 406)
        assert [status for _, _, status in road.arrived] == [200] * 205
        assert len({path for _, path, _ in road.arrived}) == 205
        assert road.most_in_a_minute() <= 54

    in_virtual_time(main())


@pytest.mark.parametrize("retry_after", [None, 60])
def test_17_call_61_is_waited_out_without_a_double(retry_after: int | None) -> None:
    async def main() -> None:
        limit = {"calls": 60, "seconds": 60, "retry_after": retry_after}
        fact, road = await synced(130, budget=False, rate_limit=limit)
        assert (fact.problem, fact.organizations) == (None, 130)
        answered = [path for _, path, status in road.arrived if status == 200]
        assert len(answered) == len(set(answered)) == 132
        assert road.arrived[60][2] == 429

    in_virtual_time(main())
