"""The poster against the HaloPSA sandbox: a store, a bus that remembers, jobs to be killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr, TypeAdapter

from chassis.errors import PermanentError, TransientError
from chassis.http import Retries
from chassis.jobs import JobFailure, JobKind, Jobs
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import JobRun, JobWaits, LeaseLost, Service
from chassis.versions import SettingsVersions
from poster_halo.app import build
from sandbox import halopsa
from sandbox.app import Sandbox, build_app
from schemas import frame
from schemas.charges import DecidedLine
from schemas.messages import (
    FACTS,
    ApplyRun,
    ApprovedPlan,
    BatchEntry,
    ChargesResolved,
    Head,
    PlanRun,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    UndoPostings,
)
from schemas.settings import Settings
from schemas.statement import Entry
from support.memory_records import MemoryRecords, Shelf
from support.poster import CONNECTION, TENANT, body_of, plan_of_batch, resolved
from vendors import json
from vendors.halopsa import Halo, HaloCredentials, HaloInvoice, Line

PASSES_MAX = 80
_KINDS = {kind.model_fields["kind"].default: kind for kind in FACTS}
_Entries = TypeAdapter(list[BatchEntry])
_Plans = TypeAdapter(list[ApprovedPlan])
_Texts = TypeAdapter(list[str])

TENANT_ROWS: dict[str, Any] = {
    "clients": [{"id": n, "name": f"Client {n}"} for n in range(42, 52)],
    "items": [{"id": 901, "name": "Business Premium", "accountsid": "M365BP", "taxcode": 4}],
    "tax": [{"id": 4, "name": "VAT", "code": "OUTPUT2", "value": 20}],
    "currencies": [
        {"id": 1, "name": "Dollar", "symbol": "$", "code": "USD", "conversion_rate": 1},
        {"id": 2, "name": "Pound", "symbol": "P", "code": "GBP", "conversion_rate": 1},
    ],
    "control": {"automaticallysendinvoiceemails": False},
}


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
    lost: bool = False

    async def save(self, checkpoint: bytes) -> None:
        self.step()
        self.checkpoint = checkpoint
        self.step()

    async def guard(self) -> None:
        if self.lost:
            raise LeaseLost("another owner")
        self.step()


class Watched(Halo):
    """HaloPSA as we call it; somebody else may act there before an invoice is read or after lines
    were written."""

    meanwhile: dict[str, Callable[[], Awaitable[Any]]]

    async def invoice(self, invoice_id: int) -> HaloInvoice | None:
        await self._first("invoice")
        return await super().invoice(invoice_id)

    async def update_invoice_lines(self, lines: Sequence[Mapping[str, Any]] | json.Written) -> None:
        await super().update_invoice_lines(lines)
        await self._first("after writing")

    async def _first(self, name: str) -> None:
        act = self.meanwhile.pop(name, None)
        if act is not None:
            await act()


def only_halo() -> Sandbox:
    return build_app(None, vendors={"halopsa": halopsa.build}, today=date(2026, 11, 5))


@dataclass
class World:
    """One tenant; `kill_at` is the step (store write, save, guard) at which the process dies."""

    app: Sandbox
    shelf: Shelf = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    bus: MemoryBus = field(default_factory=MemoryBus)
    settings: Settings = field(default_factory=Settings)
    version: str = ""
    revision: int = 0
    steps: int = 0
    kill_at: int | None = None
    waits: list[str] = field(default_factory=list)
    fence: int = 1
    client_id: str = "any"
    lost_at_guard: bool = False  # another owner has taken the lease over
    meanwhile: dict[str, Callable[[], Awaitable[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://sandbox"
        )
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        records = MemoryRecords(self.shelf, self._pause)
        self.records = records
        self.outbox = Outbox(records, self.bus)
        self.service = build(
            records=records,
            outbox=self.outbox,
            jobs=Jobs(records, self.clock),
            clock=self.clock,
            open_halo=self.open_halo,
        )

    async def _pause(self) -> None:
        self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.kill_at is not None and self.steps == self.kill_at:
            self.kill_at = None
            raise Killed

    async def open_halo(self, run: JobRun, settings: Settings) -> Halo:  # noqa: ARG002
        retries = Retries(attempts=3, first_wait_s=0.01, wait_max_s=0.02, jitter=lambda: 1.0)
        line = Line(self.http, self.clock, retries=retries)
        key = HaloCredentials(self.client_id, SecretStr("secret"))
        halo = Watched("http://sandbox/halopsa", key, line)
        halo.meanwhile = self.meanwhile
        return halo

    # ---- the vendor's side

    async def control(self, name: str, payload: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/halopsa/{name}", json=payload)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def load(self, **rows: Any) -> None:
        await self.control("load", rows)

    async def spoil(self, *faults: dict[str, Any]) -> None:
        await self.control("faults", {"faults": list(faults)})

    async def edit(self, entity: str, number: int, **changes: Any) -> Any:
        return await self.control("edit", {"entity": entity, "id": number, **changes})

    async def state(self) -> Any:
        return (await self.http.get("/_sandbox/halopsa/state")).json()

    async def invoices(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.state())["entities"]["invoices"]
        return rows

    async def recurring(self, number: int = -94) -> dict[str, Any]:
        rows = (await self.state())["entities"]["recurring_invoices"]
        return next(row for row in rows if row["id"] == number)

    async def calls(self) -> dict[str, int]:
        counted: dict[str, int] = (await self.state())["calls"]
        return {name: n for name, n in counted.items() if "token" not in name}

    async def stamps(self) -> dict[str, int]:
        """How often each of our lines stands on invoices that are not voided."""
        found: dict[str, int] = {}
        for invoice in await self.invoices():
            for line in invoice["lines"] if not invoice["voided"] else ():
                if str(line["comment_2"]).startswith("line_"):
                    name = line["comment_2"].split()[0]
                    found[name] = found.get(name, 0) + 1
        return found

    # ---- our side

    async def use(self, **changes: Any) -> None:
        self.settings = Settings.model_validate(changes)
        self.version = await SettingsVersions(self.records).store(TENANT, self.settings)

    async def give(
        self, *batches: tuple[ChargesResolved, Sequence[DecidedLine]], item: int | None = 901
    ) -> None:
        """The batches arrive under a new revision."""
        self.revision += 1
        self.batches = []
        for head, lines in batches:
            new = head.model_copy(update={"revision": self.revision, "settings": self.version})
            self.batches.append(new)
            route = self.service.routes[1]
            await route.on[ChargesResolved](new, OneBody(body_of(lines, item)))

    async def plan(self, *selection: str, connection: str = CONNECTION) -> list[PostingPlanned]:
        entries = [
            BatchEntry(
                batch=b.batch,
                content=b.content,
                revision=b.revision,
                bill_to=b.bill_to,
                currency=b.currency,
                selection=selection,
            )
            for b in self.batches
        ]
        head = PlanRun(**self._head(), connection=connection)
        await self.run("PlanRun", head, _Entries.dump_json(entries))
        return self.facts(PostingPlanned)

    async def apply(self, *, canary: int = 1) -> list[Head]:
        """Apply every plan without a code; what became of each batch."""
        plans = [
            ApprovedPlan(batch=p.batch, plan=p.plan, hash=p.hash)
            for p in self.facts(PostingPlanned)
            if p.code is None
        ]
        head = ApplyRun(**self._head(), connection=CONNECTION, canary=canary)
        await self.run("ApplyRun", head, _Plans.dump_json(plans))
        return [*self.facts(PostingDone), *self.facts(PostingRefused)]

    async def post(self, *lines: DecidedLine, **changes: Any) -> PostingDone:
        """One batch given, planned and applied."""
        await self.give((resolved(lines, **changes), lines))
        await self.plan()
        (done,) = await self.apply()
        assert isinstance(done, PostingDone), done
        return done

    async def undo(self, *heads: ChargesResolved) -> list[Head]:
        self.revision += 1
        head = UndoPostings(**self._head(), connection=CONNECTION)
        plans = [plan_of_batch(b) for b in heads or self.batches]
        self.bus.messages.clear()
        await self.run("UndoPostings", head, _Texts.dump_json(plans))
        return [self.parsed(m) for m in self.bus.messages]

    async def run(self, kind: str, head: Head, body: bytes) -> None:
        """Run the job to its end, waiting when it waits and starting again when it is killed."""
        payload = frame.encode(head.model_dump_json().encode(), body)
        name = f"job_{kind}_{self.revision}"
        job = HandRun(name, kind, payload, self._step, fence=self.fence)
        job.lost = self.lost_at_guard
        job.connection = getattr(head, "connection", CONNECTION)
        await self.resume(job)

    async def resume(self, job: HandRun) -> None:
        kind = self.service.jobs[job.kind]
        assert isinstance(kind, JobKind)
        for _ in range(PASSES_MAX):
            try:
                await self.service.jobs[job.kind](job)
            except JobWaits as wait:
                self.waits.append(wait.why)
                await self.clock.sleep(wait.seconds)
            except TransientError as failed:
                self.waits.append(failed.code)
                await self.clock.sleep(failed.retry_after_s or 5.0)
            except PermanentError as failed:
                assert kind.failed is not None
                await kind.failed(job, JobFailure(code=failed.code, text=failed.text))
                return
            except Killed:
                self.fence += 1
                job.fence = self.fence
                self.start()
            else:
                self.kill_at = None
                await self.outbox.sweep()
                return
            job.attempts += 1
        raise AssertionError(f"the job never ends: {self.waits[-5:]}")

    def facts[T: Head](self, kind: type[T]) -> list[T]:
        """The facts of that kind at this revision, the last one of each batch."""
        last: dict[str, T] = {}
        for message in self.bus.messages:
            fact = self.parsed(message)
            if isinstance(fact, kind) and fact.revision == self.revision:
                last[fact.batch] = fact  # type: ignore[attr-defined] # facts about batches
        return list(last.values())

    def parsed(self, message: Message) -> Head:
        line, _ = frame.decode(message.value)
        kind = Head.model_validate_json(line).kind
        return _KINDS[kind].model_validate_json(line)

    def _head(self) -> dict[str, Any]:
        return {
            "tenant": TENANT,
            "run": self.batches[0].run,
            "revision": self.revision,
            "settings": self.version,
            "document": self.batches[0].document,
        }


def sums(entries: Sequence[Entry]) -> dict[str, Decimal]:
    """Price by outcome."""
    return {f"{e.outcome} {e.reason}".strip(): e.price for e in entries}


def total(entries: Sequence[Entry]) -> tuple[Decimal, Decimal]:
    return (
        sum((e.price for e in entries), Decimal(0)),
        sum((e.cost for e in entries), Decimal(0)),
    )
