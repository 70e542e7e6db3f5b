"""The outbox where records and log are one file: a record and its messages are one commit.

What the general outbox stores, publishes and clears is here appended to the log by the very update
of the record, so it is written once. What an older version left in records is still published.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from chassis.embedded.bus import EmbeddedBus
from chassis.embedded.records import SqliteRecords
from chassis.outbox import Outbox
from chassis.records import Message, Record
from chassis.telemetry import tracing


class EmbeddedOutbox(Outbox):
    """Takes the same calls and keeps the same promise as Outbox, with one write for three."""

    def __init__(self, records: SqliteRecords, bus: EmbeddedBus) -> None:
        super().__init__(records, bus)
        self._rows, self._log = records, bus

    async def insert(self, record: Record) -> bool:
        """Insert if absent, its messages with it."""
        if not record.outgoing:
            return await super().insert(record)
        messages, record = tracing.carried(record.outgoing), replace(record, outgoing=())
        write = self._log.publish_with(self._rows.inserted(record), messages)
        return await self._rows.written(record, 1, write)

    async def replace(self, record: Record) -> bool:
        """Replace if the version fits, its messages with it."""
        if not record.outgoing:
            return await super().replace(record)
        messages, record = tracing.carried(record.outgoing), replace(record, outgoing=())
        write = self._log.publish_with(self._rows.replaced(record), messages)
        return await self._rows.written(record, record.version + 1, write)

    async def publish(self, message: Message, holding: Sequence[Record]) -> None:
        """In one commit."""
        works = [self._rows.inserted(record) for record in holding]

        def work(connection: sqlite3.Connection) -> bool:
            for insert in works:
                insert(connection)
            return True

        await self._log.publish_with(work, tracing.carried([message]))
