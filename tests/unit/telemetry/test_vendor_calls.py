"""Calls to vendors: told without ids and secrets, counted against one budget in and out of jobs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from chassis.clock import LoopClock
from chassis.errors import TransientError
from chassis.http import Retries
from chassis.leases import Leases
from chassis.limits import Budgets
from chassis.vault import Keys, Vault
from schemas.accounts import HaloAccount
from schemas.ids import derive_id
from schemas.settings import Settings
from support.memory_records import MemoryRecords
from support.told import Numbers, Spans, told
from support.virtual_loop import START, in_virtual_time
from vendors.connections import HALOPSA, Connections
from vendors.halopsa import Halo

CANARY = "canary-5up3r-s3cr3t"
SETTINGS = Settings(halopsa=HaloAccount(url="https://msp.halopsa.com", calls_per_window=100))
WINDOW_S = 300.0


@dataclass
class Vendor:
    """Answers every call with a token or an empty list, or as told."""

    status: int = 200
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": CANARY, "expires_in": 3600})
        headers = {"Retry-After": "60"} if self.status == 429 else {}
        return httpx.Response(self.status, json=[], headers=headers)


@dataclass(frozen=True)
class Run:
    """As much of a job as opening a connection needs."""

    tenant: str = "msp"
    connection: str = derive_id("connection", "msp", HALOPSA, SETTINGS.halopsa.url)
    kind: str = "ResolveRun"


async def connections(vendor: Vendor, records: MemoryRecords) -> Connections:
    clock = LoopClock(START)
    vault = Vault(records, Keys((bytes(32),)))
    fields = {"client_id": SecretStr("id"), "client_secret": SecretStr(CANARY)}
    await vault.put("msp", HALOPSA, fields)
    http = httpx.AsyncClient(transport=httpx.MockTransport(vendor.answer))
    budgets = Budgets(Leases(records, clock))
    return Connections(vault, http, clock, retries=Retries(attempts=1), budgets=budgets)


async def until_refused(halo: Halo) -> None:
    with contextlib.suppress(TransientError):
        while True:
            await halo.clients()


def test_a_call_is_a_span_and_a_number_without_query_or_secret(
    spans: Spans, numbers: Numbers
) -> None:
    async def story() -> None:
        opened = await connections(Vendor(), MemoryRecords())
        halo = await opened.halo("msp", SETTINGS)
        await halo.clients()

    in_virtual_time(story())
    call = spans.named("GET halopsa", method="GET", path="/api/Client", status=200)
    assert {key.removeprefix("chargeline.") for key in told(call)} == {
        "vendor", "method", "path", "status",
    }  # fmt: skip
    assert all(CANARY not in span.to_json() for span in spans.every())
    read = {"vendor": "halopsa", "method": "GET"}
    assert numbers.value("chargeline_vendor_calls_total", status="2xx", **read) == 1
    assert numbers.value("chargeline_vendor_call_duration_seconds_count", **read) == 1


def test_an_answer_that_asks_to_wait_is_counted_and_blocks_jobs_and_others(
    numbers: Numbers,
) -> None:
    async def story() -> None:
        vendor, records = Vendor(status=429), MemoryRecords()
        opened = await connections(vendor, records)
        with pytest.raises(TransientError):
            await (await opened.open_halo(Run(), SETTINGS)).clients()  # type: ignore[arg-type]
        vendor.status = 200
        other = await connections(vendor, records)
        with pytest.raises(TransientError, match="rate-limited"):
            await (await other.halo("msp", SETTINGS)).clients()

    in_virtual_time(story())
    assert numbers.value("chargeline_vendor_waits_total", vendor="halopsa", why="429") == 1


def test_jobs_leave_a_fiftieth_of_the_window_to_calls_outside_them() -> None:
    async def story() -> None:
        vendor, records = Vendor(), MemoryRecords()
        one, two = [await connections(vendor, records) for _ in range(2)]  # two replicas
        job = await one.open_halo(Run(), SETTINGS)  # type: ignore[arg-type]
        await until_refused(job)
        assert len(vendor.asked) == 98
        short = await two.halo("msp", SETTINGS)
        await until_refused(short)
        assert len(vendor.asked) == 100
        await asyncio.sleep(WINDOW_S)
        await short.clients()

    in_virtual_time(story())
