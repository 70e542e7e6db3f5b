"""One vendor write: intent stored, fence compared, written, answer stored (promise 2).

The answer shares a commit with the next intent. Should the process die before that, the write is
one of unknown outcome, and the next look finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.service import JobRun, JobWaits
from chassis.together import together
from poster_halo.domain.observed import Document
from poster_halo.domain.postings import Part, Posting
from poster_halo.domain.shape import Operation, seen_digest
from poster_halo.look import Look
from poster_halo.store import Store
from poster_halo.translate import Writer, raw_text
from poster_halo.work import Work, as_sent, expected_lines

SYSTEMIC = frozenset(
    {"halopsa-login", "halopsa-token-refused", "halopsa-right-missing", "halopsa-address"}
)
LOOKS_BEFORE_REPEAT = 2
LOOKS_MAX = 3
_JUST_BEFORE = timedelta(seconds=2)  # R16; a wait for the vendor's limit lies within it


class Moved(Exception):  # noqa: N818 - a decision, not an error
    """The target is not as it was planned: nothing was written."""


class Writing:
    """Writes of one job. Raises PermanentError (refused), Moved, TransientError or JobWaits."""

    def __init__(self, store: Store, job: JobRun, seen: Look, clock: Clock) -> None:
        self._store, self._job, self._look, self._clock = store, job, seen, clock
        self._ahead: tuple[int, datetime, asyncio.Task[Document | None]] | None = None
        self._answered: Work | None = None  # its posting is ahead of what is stored

    async def write(
        self, work: Work, operation: Operation, coming: Sequence[Operation] = ()
    ) -> None:
        """Build the body from a read made just before, and write it once.

        What comes after it is read meanwhile.
        """
        fresh = await self._fresh(operation) if operation.target is not None else None
        self._read_ahead(operation, coming)
        writer = Writer(
            self._look.settings.halopsa,
            self._look.observed.currencies,
            work.record.invoice_date,
            work.kept.head.site,
        )
        old = work.posting.part(operation.digest)
        unnamed = fresh.unnamed if fresh else ()
        part = Part(
            key=operation.digest,
            kind=operation.kind,
            state="sending",
            ext=fresh.id if fresh else 0,
            reference=operation.reference,
            part=operation.part,
            date=self._date(work, fresh),
            started_at=self._clock.now().isoformat(),
            fence=self._job.fence,
            looks=old.looks if old and old.state == "sending" else 0,
            before=_before(operation, fresh),
            unnamed=unnamed,
            foreign=fresh.foreign_digest_but(unnamed) if fresh else "",
            synced=fresh.last_synced if fresh and fresh.synced else "",
        )
        # Put in by a copy: they are our own, and need no validation line by line.
        part = part.model_copy(update={"lines": as_sent(expected_lines(work.plan, operation))})
        if self._answered is work:
            await self.stored()  # a record takes one update after the other
        await together([self._put(work, part), self.stored()])
        await self._job.guard()
        try:
            ext = await self._send(work, operation, writer, fresh)
        except UnknownOutcome as unknown:
            await self._put(work, part.model_copy(update={"text": unknown.text}))
            raise JobWaits(self._look.settings.halopsa.settle_s, unknown.text) from unknown
        except (PermanentError, TransientError):
            await self._save(work, work.posting.without(part.key))
            raise
        answered = part.model_copy(update={"state": "sent", "ext": ext})
        work.posting, self._answered = work.posting.with_part(answered), work

    async def stored(self) -> None:
        """Store the last answer if no intent came after it."""
        work, self._answered = self._answered, None
        if work is not None:
            await self._save(work, work.posting)

    async def _send(
        self, work: Work, operation: Operation, writer: Writer, fresh: Document | None
    ) -> int:
        halo, batch = self._look.halo, work.plan.batch
        if fresh is None:
            return await halo.create_invoice(writer.create(batch, operation))
        if operation.kind == "append":
            await halo.update_invoice_lines(writer.append(batch, operation, fresh.id))
        else:
            await halo.update_recurring_invoice(writer.replace(batch, operation, fresh))
        return fresh.id

    async def _fresh(self, operation: Operation) -> Document:
        assert operation.target is not None, "only what exists is read first"
        fresh = await self._read(operation.target.id)
        if fresh is None or seen_digest(fresh) != seen_digest(operation.target):
            raise Moved(f"document {operation.target.id} changed since it was planned")
        return fresh

    def _read_ahead(self, operation: Operation, coming: Sequence[Operation]) -> None:
        """Not what is being written: that is another document afterwards."""
        here = operation.target.id if operation.target else None
        for target in (o.target for o in coming):
            if target is not None and target.id != here:
                reading = asyncio.create_task(self._look.read(target.id))
                self._ahead = target.id, self._clock.now(), reading

    async def _read(self, number: int) -> Document | None:
        """As it was read while the write before was under way, unless that took long."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            of, at, reading = ahead
            if of == number and self._clock.now() - at <= _JUST_BEFORE:
                return await reading
            await self._drop(reading)
        return await self._look.read(number)

    async def close(self) -> None:
        """Nothing is read any more."""
        if self._ahead is not None:
            await self._drop(self._ahead[2])
            self._ahead = None

    async def _drop(self, reading: asyncio.Task[Document | None]) -> None:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    async def _put(self, work: Work, part: Part) -> None:
        await self._save(work, work.posting.with_part(part))

    async def _save(self, work: Work, posting: Posting) -> None:
        work.posting = posting
        work.stored = await self._store.put_posting(self._job.tenant, posting, there=work.stored)

    def _date(self, work: Work, fresh: Document | None) -> str:
        """The day from which on a look finds what this wrote."""
        if fresh is None:
            return work.record.invoice_date
        today = self._look.observed.today.isoformat()
        return fresh.day.isoformat() if fresh.day and fresh.id > 0 else today

    async def settle(self, work: Work) -> None:
        """An uncertain write after a look: it happened, or it is absent once more."""
        left = {operation.digest for operation in work.plan.operations}
        for part in work.posting.uncertain:
            if part.key not in left:
                ext = part.ext or self._found(part)
                if ext:
                    await self._put(work, part.model_copy(update={"state": "sent", "ext": ext}))
                    continue
            looks = part.looks + 1
            await self._put(work, part.model_copy(update={"looks": looks}))
            if looks >= LOOKS_MAX:
                await self._save(work, work.posting.without(part.key))
                text = part.text or "HaloPSA gave no answer, and nothing is there"
                work.refused = PermanentError("halopsa-outcome-unknown", text)
            elif looks < LOOKS_BEFORE_REPEAT:
                raise JobWaits(self._look.settings.halopsa.settle_s, "one more look first")

    def _found(self, part: Part) -> int:
        there = self._look.observed.by_reference.get(part.reference, ())
        return next((d.id for d in there if not d.voided), 0)


def _before(operation: Operation, fresh: Document | None) -> str:
    """Our lines as a recurring invoice has them now: an undo puts them back."""
    if fresh is None or operation.kind != "replace":
        return ""
    rows: list[dict[str, Any]] = [one.raw for one in fresh.ours]
    return raw_text(rows)
