"""Ingest against the Huntress sandbox: a store, a bus that remembers, jobs that can be killed."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import PermanentError, TransientError
from chassis.http import Retries
from chassis.jobs import JobFailure, JobKind, Jobs
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import JobRun, JobWaits
from chassis.versions import SettingsVersions
from ingest_huntress.app import build
from ingest_huntress.domain.snapshot import Day
from sandbox import huntress as sandbox_huntress
from sandbox.app import build_app
from sandbox.wire import dumps
from schemas import frame
from schemas.counts import AcceptedCount, AcceptedCounts, Count, Counts
from schemas.messages import (
    CountsReceived,
    Head,
    IngestDocument,
    ListDocuments,
    SyncCounts,
)
from schemas.settings import Settings
from support.memory_records import MemoryRecords, Shelf
from vendors.calls import Line
from vendors.huntress import Huntress, HuntressCredentials

TENANT = "msp"
HALO = "connection_halo"
FIRST_DAY = date(2026, 11, 5)
JOBS = {
    "SyncCounts": "SyncCounts",
    "ListDocuments": "ListCountedMonths",
    "IngestDocument": "IngestCountedMonth",
}


class Killed(BaseException):
    """The process is gone at this instruction."""


class DayClock:
    """Noon of a day; waits take no time."""

    def __init__(self, day: date) -> None:
        self.day = day

    def now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)

    def today(self, timezone: str = "UTC") -> date:  # noqa: ARG002
        return self.day

    async def sleep(self, seconds: float) -> None:
        """Waits are the vendor client's business, not these tests'."""


class RememberingBus:
    """Keeps what was published; a message may come twice."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def mount(self, service: object) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclasses.dataclass
class HandRun:
    """A job run by hand, with a checkpoint that outlives its process; `step` may kill it."""

    id: str
    kind: str
    payload: bytes
    step: Callable[[], None]
    tenant: str = TENANT
    connection: str = "huntress"
    checkpoint: bytes | None = None
    attempts: int = 0
    fence: int = 1

    async def save(self, checkpoint: bytes) -> None:
        self.step()
        self.checkpoint = checkpoint
        self.step()

    async def guard(self) -> None:
        """Nobody else is here."""


@dataclasses.dataclass(frozen=True)
class Fact[H: Head]:
    head: H
    body: bytes

    @property
    def rows(self) -> list[Count]:
        return Counts.validate_json(self.body)


class World:
    """One tenant at one Huntress account; `kill_at` is the step at which the process dies."""

    def __init__(self) -> None:
        self.shelf: Shelf = {}
        self.bus = RememberingBus()
        self.clock = DayClock(FIRST_DAY)
        self.app = build_app(None, today=FIRST_DAY, vendors={"huntress": sandbox_huntress.build})
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://sandbox"
        )
        self.settings = Settings()
        self.public_key = "hk_1"
        self.revision = 0
        self.calls_left: int | None = None  # until the budget of the connection is used up, once
        self.waits: list[str] = []
        self.steps, self.kill_at = 0, 0
        self.last: HandRun | None = None
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        records = MemoryRecords(self.shelf, self._pause)
        self.outbox = Outbox(records, self.bus)
        self.service = build(
            records=records,
            outbox=self.outbox,
            jobs=Jobs(records, self.clock),
            clock=self.clock,
            open_huntress=self._open,
        )

    async def _pause(self) -> None:
        self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            raise Killed

    async def _open(self, _: JobRun, settings: Settings) -> Huntress:
        line = Line(self.http, self.clock, call=self._call, retries=Retries())
        keys = HuntressCredentials(self.public_key, SecretStr("hs_1"))
        in_flight = settings.huntress.in_flight
        return Huntress("http://sandbox/huntress", keys, line, in_flight=in_flight)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        if self.calls_left == 0:
            self.calls_left = None
            raise TransientError("rate-limited", "the calls are used up", retry_after_s=30.0)
        if self.calls_left is not None:
            self.calls_left -= 1
        yield

    # ---- the vendor's side

    async def load(self, **payload: Any) -> None:
        """Loaded accounts have no call limit: time stands still here."""
        limitless = {"rate_limit": None} | payload.get("settings", {})
        await self.control("load", payload | {"settings": limitless})

    async def control(self, name: str, payload: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/huntress/{name}", content=dumps(payload))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def spoil(self, *faults: dict[str, Any]) -> None:
        await self.control("faults", {"faults": list(faults)})

    async def calls(self) -> dict[str, int]:
        """Calls so far, by path with ids left out."""
        counted = (await self.http.get("/_sandbox/huntress/state")).json()["calls"]
        return dict(counted)

    def next_day(self, days: int = 1) -> None:
        self.clock.day += timedelta(days=days)
        self.app.clock.set(self.clock.day)

    # ---- our side

    async def use(self, settings: Settings) -> None:
        self.settings = settings

    async def sync(self, *words: AcceptedCount, **changes: Any) -> Fact[CountsReceived]:
        given = {"connection": HALO, "day": self.clock.day.isoformat()} | changes
        head = SyncCounts(**await self._common(), **given)
        await self.run(head, AcceptedCounts.dump_json(list(words)))
        return self.facts(CountsReceived)[-1]

    async def list_months(self, **changes: Any) -> Any:
        await self.run(ListDocuments(**await self._common(), **changes))

    async def ingest(self, month: str, **changes: Any) -> None:
        given: dict[str, Any] = {"match_first": False, "document": month} | changes
        await self.run(IngestDocument(**await self._common(), **given))

    async def run(self, command: Head, body: bytes = b"") -> None:
        """One command, one job, to its end."""
        payload = frame.encode(command.model_dump_json().encode(), body)
        name = f"job-{self.revision}"
        self.last = HandRun(name, JOBS[command.kind], payload, self._step)
        await self.resume()

    async def first_pass(self) -> HandRun:
        """A sync that waits after its first pass, while others may run."""
        about = {**await self._common(), "connection": HALO}
        head = SyncCounts(**about, day=self.clock.day.isoformat())
        payload = frame.encode(head.model_dump_json().encode(), b"[]")
        job = HandRun(f"job-{self.revision}", "SyncCounts", payload, self._step)
        kind = self.service.jobs[job.kind]
        assert isinstance(kind, JobKind)
        with pytest.raises(JobWaits):
            await kind.run(job)
        return job

    async def resume(self) -> None:
        """The last job, by the process that is there; a failure for good is told."""
        assert self.last is not None
        kind = self.service.jobs[self.last.kind]
        assert isinstance(kind, JobKind)
        for _ in range(20):
            try:
                await kind.run(self.last)
            except JobWaits as waits:
                self.waits.append(waits.why)
                self.last.attempts += 1
            except PermanentError as error:
                assert kind.failed is not None
                await kind.failed(self.last, JobFailure(code=error.code, text=error.text))
                return
            else:
                return
        raise AssertionError("it waits for ever")

    async def killed_at(self, step: int, command: Callable[[], Any]) -> bool:
        """Die at that step of the command and go on in a new process. False: it ended before."""
        self.steps, self.kill_at = 0, step
        try:
            await command()
            killed = False
        except Killed:
            killed = True
        self.kill_at = 0
        if killed:
            self.start()
            await self.outbox.sweep()
            await self.resume()
        return killed

    def facts[H: Head](self, kind: type[H]) -> list[Fact[H]]:
        """What was published of that kind; the same message again counts once."""
        found = []
        for value in dict.fromkeys(message.value for message in self.bus.messages):
            line, body = frame.decode(value)
            if f'"kind":"{kind.__name__}"'.encode() in line:
                found.append(Fact(kind.model_validate_json(line), body))
        return found

    def days(self) -> dict[str, Day]:
        """The snapshots in the store."""
        return {
            key.removeprefix("huntress/"): Day.model_validate_json(record.body)
            for (_, collection, key), record in sorted(self.shelf.items())
            if collection == "snapshots" and key.count("/") == 1 and "baseline" not in key
        }

    def answers(self, day: date) -> list[str]:
        """Names of the stored answers of a day."""
        start = f"huntress/{day}/"
        return sorted(key.removeprefix(start) for _, _, key in self.shelf if key.startswith(start))

    async def _common(self) -> dict[str, Any]:
        self.revision += 1
        version = await SettingsVersions(MemoryRecords(self.shelf)).store(TENANT, self.settings)
        return {
            "tenant": TENANT,
            "run": f"run-{self.revision}",
            "revision": self.revision,
            "settings": version,
            "source": "huntress",
        }
