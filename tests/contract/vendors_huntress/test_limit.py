"""Sixty calls in any 60 seconds, by the sandbox's own count: kept, or waited out."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.clock import LoopClock
from chassis.errors import TransientError
from chassis.http import Retries
from chassis.leases import Leases
from chassis.limits import Budgets
from chassis.vault import Keys, Vault
from sandbox import huntress as sandbox_huntress
from sandbox.app import build_app
from schemas.ids import derive_id
from schemas.settings import Settings
from support.huntress import organizations
from support.memory_records import MemoryRecords
from support.virtual_loop import START, in_virtual_time
from vendors.connections import HUNTRESS, Connections
from vendors.huntress import Huntress

SETTINGS = Settings()
CONNECTION = derive_id("connection", "msp", HUNTRESS, SETTINGS.huntress.url)


@dataclass(frozen=True)
class Run:
    """As much of a job as opening a connection needs."""

    tenant: str = "msp"
    connection: str = CONNECTION
    kind: str = "SyncCounts"


@dataclass
class Road(httpx.AsyncBaseTransport):
    """The way to Huntress: every call takes its own time, and is noted when it gets there."""

    inner: httpx.ASGITransport
    delays: random.Random
    slow_s: float
    arrived: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/_sandbox/" in request.url.path:
            return await self.inner.handle_async_request(request)
        await asyncio.sleep(self.delays.uniform(0, self.slow_s))
        self.arrived.append(asyncio.get_running_loop().time())
        answer = await self.inner.handle_async_request(request)
        self.statuses.append(answer.status_code)
        return answer

    def most_in_a_minute(self) -> int:
        window: deque[float] = deque()
        most = 0
        for moment in sorted(self.arrived):
            window.append(moment)
            while moment - window[0] >= 60:
                window.popleft()
            most = max(most, len(window))
        return most


async def opened(
    count: int, slow_s: float, *, budget: bool, **settings: Any
) -> tuple[Huntress, Road]:
    connections, road = await prepared(count, slow_s, budget=budget, **settings)
    return await connections.open_huntress(Run(), SETTINGS), road  # type: ignore[arg-type]


async def prepared(
    count: int, slow_s: float, *, budget: bool, **settings: Any
) -> tuple[Connections, Road]:
    app = build_app(None, vendors={"huntress": sandbox_huntress.build})
    road = Road(httpx.ASGITransport(app=app), random.Random(7), slow_s)
    http = httpx.AsyncClient(transport=road)
    payload = {"organizations": organizations(count), "settings": settings}
    await http.post("http://sandbox/_sandbox/huntress/load", json=payload)
    clock, records = LoopClock(START), MemoryRecords()
    vault = Vault(records, Keys((bytes(32),)))
    keys = {"client_id": SecretStr("hk_1"), "client_secret": SecretStr("hs_1")}
    await vault.put("msp", HUNTRESS, keys)
    budgets = Budgets(Leases(records, clock)) if budget else None
    # A wait for the budget is no failed attempt; one for the vendor is.
    retries = Retries(attempts=1 if budget else 5, jitter=lambda: 1.0)
    return Connections(vault, http, clock, "http://sandbox", retries, budgets), road


async def read_all(huntress: Huntress) -> list[int]:
    """As a sync reads: who, the list, then one organisation after the other, some at once."""
    await huntress.actor()
    found = await huntress.organizations()
    reads = await asyncio.gather(*(huntress.organization(one.id) for one in found))
    return [read.organization.id for read in reads if read is not None]


@pytest.mark.parametrize("slow_s", [0.0, 0.4, 5.0, 25.0])
def test_under_its_budget_no_call_is_ever_refused(slow_s: float) -> None:
    async def main() -> None:
        huntress, road = await opened(203, slow_s, budget=True)
        assert len(set(await read_all(huntress))) == 203
        assert road.statuses == [200] * 205
        assert road.most_in_a_minute() <= 54
        if slow_s < 1:
            took = road.arrived[-1] - road.arrived[0]
            assert 240 <= took <= 275, "four windows are waited for, and not much longer"

    in_virtual_time(main())


@pytest.mark.parametrize("retry_after", [None, 60])
def test_call_61_is_waited_out_and_nothing_is_read_twice(retry_after: int | None) -> None:
    async def main() -> None:
        limit = {"calls": 60, "seconds": 60, "retry_after": retry_after}
        huntress, road = await opened(70, 0.1, budget=False, rate_limit=limit)
        ids = await read_all(huntress)
        assert ids == [700_000 + place for place in range(70)]
        assert road.statuses[:60] == [200] * 60
        assert road.statuses[60] == 429
        assert road.statuses.count(200) == 72
        assert road.statuses.count(429) <= 4, "one for each call in flight"
        pauses = [later - earlier for earlier, later in pairwise(road.arrived)]
        assert max(pauses) >= 59

    in_virtual_time(main())


def test_a_short_call_outside_jobs_does_not_wait_for_a_minute() -> None:
    async def main() -> None:
        connections, _ = await prepared(60, 0.1, budget=True)
        job = await connections.open_huntress(Run(), SETTINGS)  # type: ignore[arg-type]
        reading = asyncio.create_task(read_all(job))
        await asyncio.sleep(20)
        before = asyncio.get_running_loop().time()
        short = await connections.huntress("msp", SETTINGS)
        await short.actor()  # the reserve
        with pytest.raises(TransientError) as raised:
            await short.actor()
        assert raised.value.code == "rate-limited"
        assert asyncio.get_running_loop().time() - before < 1
        assert len(await reading) == 60

    in_virtual_time(main())


def test_two_processes_share_the_window() -> None:
    async def main() -> None:
        app = build_app(None, vendors={"huntress": sandbox_huntress.build})
        road = Road(httpx.ASGITransport(app=app), random.Random(3), 0.2)
        http = httpx.AsyncClient(transport=road)
        payload = {"organizations": organizations(60)}
        await http.post("http://sandbox/_sandbox/huntress/load", json=payload)
        shelf = MemoryRecords().shelf
        readers = []
        for _ in range(2):
            clock, records = LoopClock(START), MemoryRecords(shelf)
            vault = Vault(records, Keys((bytes(32),)))
            keys = {"client_id": SecretStr("hk_1"), "client_secret": SecretStr("hs_1")}
            await vault.put("msp", HUNTRESS, keys)
            budgets = Budgets(Leases(records, clock))
            connections = Connections(vault, http, clock, "http://sandbox", budgets=budgets)
            readers.append(await connections.open_huntress(Run(), SETTINGS))  # type: ignore[arg-type]
        found = await asyncio.gather(*map(read_all, readers))
        assert [len(ids) for ids in found] == [60, 60]
        assert set(road.statuses) == {200}

    in_virtual_time(main())
