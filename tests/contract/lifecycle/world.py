"""Lifecycle against the HaloPSA sandbox: a store, a bus that remembers, jobs that can be killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError
from chassis.jobs import JobFailure, JobKind, Jobs
from chassis.outbox import Outbox
from chassis.records import Message, Records
from chassis.service import JobRun, JobWaits, Service
from chassis.versions import SettingsVersions
from lifecycle.app import build
from lifecycle.domain.charges import uses
from lifecycle.domain.items import ItemRecord
from sandbox import halopsa
from sandbox.app import Sandbox, build_app
from schemas import frame
from schemas.charges import DecidedLine
from schemas.messages import FACTS, Head
from schemas.settings import Settings
from support.lifecycle import CONNECTION, TENANT, lines_body, normalized
from support.memory_records import MemoryRecords, Shelf
from vendors.halopsa import Halo, HaloCredentials, Line

PASSES_MAX = 60


class Killed(BaseException):
    """The process is gone at this instruction."""


class ManualClock:
    """Time passes when somebody waits."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 5, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def today(self, timezone: str = "UTC") -> date:  # noqa: ARG002
        return self.instant.date()

    async def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class MemoryBus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def mount(self, service: Service) -> None:  # noqa: ARG002
        raise AssertionError("tests call handlers themselves")

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass
class OneBody:
    body: bytes

    async def load(self) -> bytes:
        return self.body


@dataclass
class HandRun:
    """A JobRun whose record is this object; `step` may kill it."""

    id: str
    kind: str
    payload: bytes
    step: Callable[[], None]
    tenant: str = TENANT
    connection: str = CONNECTION
    checkpoint: bytes | None = None
    attempts: int = 0
    fence: int = 1
    guards: int = 0

    async def save(self, checkpoint: bytes) -> None:
        self.step()
        self.checkpoint = checkpoint
        self.step()

    async def guard(self) -> None:
        self.guards += 1
        self.step()


@dataclass
class World:
    """One tenant; `kill_at` is the step (store write, save, guard) at which the process dies."""

    app: Sandbox
    shelf: Shelf = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    bus: MemoryBus = field(default_factory=MemoryBus)
    settings: Settings = field(default_factory=Settings)
    client_id: str = "anyone"
    scope: str = "all"  # what the token is asked for
    steps: int = 0
    kill_at: int | None = None
    waits: list[str] = field(default_factory=list)
    on_open: Callable[[], Awaitable[None]] | None = None  # happens before the first vendor call
    meanwhile: Callable[[], Awaitable[None]] | None = None  # happens during the third wait

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://sandbox"
        )
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        records = MemoryRecords(self.shelf, self._pause)
        self.outbox = Outbox(records, self.bus)
        self.bodies = Bodies(records)
        clock: Clock = self.clock
        self.service = build(
            records=records,
            outbox=self.outbox,
            jobs=Jobs(records, clock),
            clock=clock,
            open_halo=self.open_halo,
        )

    async def _pause(self) -> None:
        self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.kill_at is not None and self.steps == self.kill_at:
            raise Killed

    async def open_halo(self, run: JobRun, settings: Settings) -> Halo:  # noqa: ARG002
        if self.on_open is not None:
            await self.on_open()
        credentials = HaloCredentials(self.client_id, SecretStr("secret"), scope=self.scope)
        return Halo("http://sandbox/halopsa", credentials, Line(self.http, self.clock))

    # ---- the vendor's side

    async def control(self, name: str, payload: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/halopsa/{name}", json=payload)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def spoil(self, *faults: dict[str, Any]) -> None:
        await self.control("faults", {"faults": list(faults)})

    async def vendor_state(self) -> Any:
        return (await self.http.get("/_sandbox/halopsa/state")).json()

    async def calls(self) -> dict[str, int]:
        counted = (await self.vendor_state())["calls"]
        return {name: n for name, n in counted.items() if "token" not in name}

    # ---- our side

    async def use(self, settings: Settings) -> None:
        self.settings = settings
        await self.store_settings(MemoryRecords(self.shelf))

    async def store_settings(self, records: Records) -> str:
        return await SettingsVersions(records).store(TENANT, self.settings)

    async def receive(self, lines: Sequence[DecidedLine], batch: str, **changes: Any) -> Any:
        """As the normalizer publishes it: its lines are in the store, the message has the sums."""
        body = lines_body(lines)
        given = {"settings": self.settings.version} | changes
        if "lines_at" not in given:
            given["lines_at"] = await Bodies(MemoryRecords(self.shelf)).put(TENANT, body)
        head = normalized(lines, batch, **given)
        await self.deliver(head, frame.join(b"[]", uses(body).model_dump_json().encode()))
        return head

    async def deliver(self, head: Head, body: bytes) -> None:
        for route in self.service.routes:
            handler = route.on.get(type(head))
            if handler is not None:
                await handler(head, OneBody(body))

    def command(self, kind: type[Head], **changes: Any) -> Any:
        given = {
            "tenant": TENANT,
            "run": "run_1",
            "revision": 2,
            "settings": self.settings.version,
            "document": "doc_1",
            "connection": CONNECTION,
        }
        return kind.model_validate(given | changes)

    def job(self, head: Head, body: bytes) -> HandRun:
        payload = frame.encode(head.model_dump_json().encode(), body)
        return HandRun(f"job of {head.kind} {head.revision}", head.kind, payload, self._step)

    async def run(self, job: HandRun) -> None:
        """What the runner does with a job: again after waits, told when it fails for good."""
        kind = self.service.jobs[job.kind]
        assert isinstance(kind, JobKind)
        for _ in range(PASSES_MAX):
            try:
                await kind.run(job)
            except JobWaits as waits:
                self.waits.append(waits.why)
                job.attempts += 1
                await self.clock.sleep(waits.seconds)
                if self.meanwhile is not None and len(self.waits) == 3:
                    await self.meanwhile()
            except TransientError:
                job.attempts += 1
                await self.clock.sleep(60)
            except PermanentError as error:
                assert kind.failed is not None
                await kind.failed(job, JobFailure(code=error.code, text=error.text))
                return
            else:
                return
        raise AssertionError(f"{job.kind} does not end: {self.waits[-3:]}")

    async def run_killed_at(self, job: HandRun, step: int) -> bool:
        """Die at that step and go on in a new process. False: it ended before."""
        self.steps, self.kill_at = 0, step
        try:
            await self.run(job)
            killed = False
        except Killed:
            killed = True
        self.kill_at = None
        if killed:
            self.start()
            await self.outbox.sweep()
            await self.run(job)
        return killed

    def facts(self, kind: type[Head]) -> list[tuple[Any, bytes]]:
        """What was published of that kind; the same message again counts once."""
        assert kind in FACTS
        found = []
        for value in dict.fromkeys(m.value for m in self.bus.messages if m.topic == kind.topic):
            line, body = frame.decode(value)
            if f'"kind":"{kind.__name__}"'.encode() in line:
                found.append((kind.model_validate_json(line), body))
        return found

    def fact(self, kind: type[Head]) -> tuple[Any, bytes]:
        (only,) = self.facts(kind)
        return only

    def items(self) -> dict[str, ItemRecord]:
        return {
            key: ItemRecord.model_validate_json(record.body)
            for (_, collection, key), record in self.shelf.items()
            if collection == "items"
        }


def only_halo() -> Sandbox:
    return build_app(None, vendors={"halopsa": halopsa.build})
