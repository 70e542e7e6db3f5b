"""What the jobs of ingest-pax8 work with: the store, the source, and the documents as kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chassis.bodies import Bodies
from chassis.outbox import Outbox
from chassis.records import Message, Record
from chassis.service import JobRun
from chassis.table import Stored, Table
from chassis.versions import SettingsVersions
from ingest_pax8.domain.document import Document
from ingest_pax8.translate import SOURCE
from schemas.messages import Head
from schemas.settings import Settings
from vendors.pax8 import Pax8

OpenPax8 = Callable[[JobRun, Settings], Awaitable[Pax8]]

PAGES, DOCUMENTS, BATCHES, ANSWERS, SNAPSHOTS = (
    "pages",
    "documents",
    "batches",
    "readings",
    "snapshots",
)
ALL = {"source": SOURCE}


@dataclass(frozen=True)
class Tools:
    """`outbox` publishes what its records carry (see chassis.outbox)."""

    outbox: Outbox
    bodies: Bodies
    settings: SettingsVersions
    open_pax8: OpenPax8
    batch_lines_max: int = 10_000

    async def answer(self, job: JobRun, head: Head, body: bytes = b"") -> None:
        """Publish what ends a job; one that is run again says it again, with today's answer."""
        message = await self.bodies.message(head, head.tenant, body)
        record = Record(job.tenant, ANSWERS, job.id, 0, b"", {"run": head.run}, (message,))
        await self.put(record)

    async def put(self, record: Record) -> None:
        """Insert or replace: the holder of the connection's lease is the only writer."""
        while not await self.outbox.insert(record):
            there = await self.outbox.get(record.tenant, record.collection, record.key)
            if there is not None and await self.outbox.replace(
                replace(record, version=there.version)
            ):
                return

    async def message(self, head: Head, key: str, body: bytes) -> Message:
        """A framed message."""
        return await self.bodies.message(head, key, body)


class Documents:
    """The documents of a tenant's source. They are found by the chain they are in (R14)."""

    def __init__(self, outbox: Outbox) -> None:
        self._table = Table(outbox, DOCUMENTS, Document)

    async def get(self, tenant: str, document: str) -> Stored[Document] | None:
        """The document, if it was ever listed."""
        return await self._table.get(tenant, document)

    async def count(self, tenant: str) -> int:
        """How many documents were listed."""
        return await self._table.count(tenant, "source", SOURCE)

    async def chain_of(self, tenant: str, document: Document) -> list[Document]:
        """All documents of its chain, itself included."""
        chain = document.chain(tenant, SOURCE)
        return [row.value async for row in self._table.every(tenant, "chain", chain)]

    async def put(self, tenant: str, document: Document) -> None:
        """Insert or replace."""
        tags = {**ALL, "chain": document.chain(tenant, SOURCE)}
        while not await self._table.insert(tenant, document.document, document, tags=tags):
            there = await self._table.get(tenant, document.document)
            if there is not None and await self._table.replace(there, document, tags=tags):
                return
