"""Answers of Huntress as kept: a line of notes, a line feed, and the bytes as they came.

One record an organisation and day, and one a page of the list. A record that this very reading has
stored is not asked for again; a later reading of the same day replaces it.
"""

from __future__ import annotations

from chassis.records import Record
from ingest_huntress.domain.answers import Notes, answer_key, digest_of, parted
from ingest_huntress.domain.snapshot import SNAPSHOTS
from ingest_huntress.tools import Tools
from ingest_huntress.translate import SOURCE


class StoredAnswers:
    """The answers of one reading of one day."""

    def __init__(self, tools: Tools, tenant: str, day: str, reading: str) -> None:
        self._tools = tools
        self._tenant, self._day, self._reading = tenant, day, reading
        self.kept = 0  # by this process

    async def get(self, name: str) -> tuple[Notes, bytes] | None:
        """What this reading has stored under that name."""
        record = await self._tools.outbox.get(self._tenant, SNAPSHOTS, self._key(name))
        if record is None:
            return None
        notes, raw = parted(record.body)
        return (notes, raw) if notes.reading == self._reading and notes.fits(raw) else None

    async def put(
        self,
        name: str,
        raw: bytes | None,
        *,
        token: str | None = None,
        counts: dict[str, int | None] | None = None,
    ) -> None:
        """`raw` None: Huntress did not have it, which is an answer, too."""
        notes = Notes(
            reading=self._reading,
            at=self._tools.clock.now().isoformat(),
            token=token,
            there=raw is not None,
            counts=counts or {},
            digest=digest_of(raw or b""),
        )
        body = notes.model_dump_json(exclude_defaults=True).encode() + b"\n" + (raw or b"")
        tags = {"day": f"{SOURCE}/{self._day}"}
        await self._tools.put(Record(self._tenant, SNAPSHOTS, self._key(name), 0, body, tags))
        self.kept += 1

    def _key(self, name: str) -> str:
        return answer_key(self._day, name)
