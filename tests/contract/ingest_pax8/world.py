"""Ingest against the Pax8 sandbox: one store, one bus that only remembers, jobs run by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from chassis.bodies import Bodies
from chassis.clock import LoopClock
from chassis.http import Retries
from chassis.jobs import JobFailure
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import JobRun
from chassis.versions import SettingsVersions
from ingest_pax8.jobs import IngestJobs
from ingest_pax8.tools import Tools
from sandbox import pax8
from sandbox.app import build_app
from schemas import frame
from schemas.messages import (
    ChargesReceived,
    DocumentRead,
    DocumentsListed,
    DraftsRead,
    Head,
    IngestDocument,
    ListDocuments,
    ReadDrafts,
)
from schemas.settings import Settings
from support.memory_records import MemoryRecords, Shelf
from vendors.pax8 import Line, Pax8, Pax8Credentials

TENANT = "msp"
KINDS = {
    kind.__name__: kind for kind in (ChargesReceived, DocumentRead, DocumentsListed, DraftsRead)
}


class QuickClock(LoopClock):
    """A wait is over at once."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 5, tzinfo=UTC))

    async def sleep(self, seconds: float) -> None:
        """Waits are the vendor client's business, not these tests'."""


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


class HandRun:
    """A job run by hand, with a checkpoint that outlives it."""

    def __init__(self, kind: str, job_id: str, payload: bytes) -> None:
        self.id, self.kind, self.payload = job_id, kind, payload
        self.tenant, self.connection = TENANT, "pax8"
        self.checkpoint: bytes | None = None
        self.attempts, self.fence = 0, 1

    async def save(self, checkpoint: bytes) -> None:
        self.checkpoint = checkpoint

    async def guard(self) -> None:
        """Nobody else is here."""


class RememberingBus:
    """Keeps what was published; a message may come twice."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def mount(self, service: object) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class Fact[H: Head]:
    head: H
    body: bytes


class World:
    """One tenant at one Pax8 sandbox."""

    def __init__(self) -> None:
        self.shelf: Shelf = {}
        self.records = MemoryRecords(self.shelf)
        self.bus = RememberingBus()
        self.app = build_app(None, vendors={"pax8": pax8.build})
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://sandbox"
        )
        self.revision = 0
        self.batch_lines_max = 10_000
        self.last: HandRun | None = None

    async def load(self, **payload: Any) -> None:
        answer = await self.http.post("/_sandbox/pax8/load", json=payload)
        assert answer.status_code == 200, answer.text

    async def spoil(self, *faults: dict[str, Any]) -> None:
        answer = await self.http.post("/_sandbox/pax8/faults", json={"faults": list(faults)})
        assert answer.status_code == 200, answer.text

    async def calls(self) -> int:
        """Calls for items so far."""
        state = (await self.http.get("/_sandbox/pax8/state")).json()
        return sum(n for name, n in state["calls"].items() if "/items" in name)

    def jobs(self) -> IngestJobs:
        outbox = Outbox(self.records, self.bus)

        async def open_pax8(_: JobRun, settings: Settings) -> Pax8:
            line = Line(self.http, QuickClock(), retries=Retries())
            key = Pax8Credentials("anyone", SecretStr("anything"))
            return Pax8("http://sandbox/pax8", key, line, in_flight=settings.pax8.in_flight)

        tools = Tools(
            outbox,
            Bodies(self.records),
            SettingsVersions(self.records),
            open_pax8,
            self.batch_lines_max,
        )
        return IngestJobs(tools)

    async def settings(self, settings: Settings | None) -> str:
        versions = SettingsVersions(self.records)
        return await versions.store(TENANT, settings or Settings())

    async def list_documents(self, settings: Settings | None = None) -> Fact[DocumentsListed]:
        head = ListDocuments(**await self._common(settings))
        await self.run(head)
        return self.facts(DocumentsListed)[-1]

    async def read_drafts(self) -> Fact[DraftsRead]:
        await self.run(ReadDrafts(**await self._common(None)))
        return self.facts(DraftsRead)[-1]

    async def ingest(
        self, document: str, settings: Settings | None = None, **changes: Any
    ) -> Fact[DocumentRead]:
        given = {"match_first": False, "document": document, **changes}
        await self.run(IngestDocument(**await self._common(settings), **given))
        return self.facts(DocumentRead)[-1]

    async def run(self, command: Head) -> None:
        """One command, one job, to its end."""
        self.last = HandRun(
            command.kind, f"job-{self.revision}", command.model_dump_json().encode()
        )
        await self.resume()

    async def resume(self) -> None:
        """The last job once more, by a new process: only the store and the checkpoint are left."""
        assert self.last is not None
        await self.jobs().kinds()[self.last.kind].run(self.last)

    async def fail(self, failure: JobFailure) -> None:
        """The last job has failed for good."""
        assert self.last is not None
        failed = self.jobs().kinds()[self.last.kind].failed
        assert failed is not None
        await failed(self.last, failure)

    def facts[H: Head](self, kind: type[H]) -> list[Fact[H]]:
        found = []
        for message in self.bus.messages:
            head, body = frame.decode(message.value)
            if f'"kind":"{kind.__name__}"'.encode() in head:
                found.append(Fact(kind.model_validate_json(head), body))
        return found

    def batches(self) -> list[Fact[ChargesReceived]]:
        """What was published at the last revision, once each."""
        latest = {
            fact.head.batch: fact
            for fact in self.facts(ChargesReceived)
            if fact.head.revision == self.revision
        }
        return [latest[batch] for batch in sorted(latest)]

    async def _common(self, settings: Settings | None) -> dict[str, Any]:
        self.revision += 1
        version = await self.settings(settings)
        return {"tenant": TENANT, "run": "run", "revision": self.revision, "settings": version}
