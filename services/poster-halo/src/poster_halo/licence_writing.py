"""Writing licences: intent stored, fence compared, sent, answer stored; what came is then read.

Many rows go in one request. Nothing says whether such a request is done whole, so after a refusal
or a lost answer a look tells which rows stand, and the rest goes in halves until the one is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.service import JobRun, JobWaits
from poster_halo.count_store import CountStore
from poster_halo.domain.licence_writes import Write, Writes, batches, body_of, looked
from poster_halo.domain.licences import Counted, Shelf
from poster_halo.writing import SYSTEMIC
from schemas.counts import ClientCount
from vendors.halopsa import Halo

NOT_SAVED = "licence-not-saved"


class LicenceWriting:
    """The licence writes of one job. `wanted` are all its sums by key, `where` names the record."""

    def __init__(
        self,
        store: CountStore,
        job: JobRun,
        where: str,
        wanted: Mapping[str, ClientCount],
        clock: Clock,
        settle_s: float,
    ) -> None:
        self._store, self._job, self._where = store, job, where
        self._wanted, self._clock, self._settle_s = wanted, clock, settle_s
        self.writes = Writes()
        self.before = Writes()  # of an earlier job: a count it may have left there is ours

    async def begin(self, revision: int) -> bool:
        """Read what is under way; an uncertain write may still land until it has settled.

        False: newer counts are being written, this job has nothing to say any more.
        """
        stored = await self._store.writes(self._job.tenant, self._where)
        if stored.revision > revision:
            return False
        mine = stored.job == self._job.id
        # Its own writes a job looks for again and again, those of another one only once.
        settle = timedelta(seconds=self._settle_s if mine else 2 * self._settle_s)
        for row in stored.uncertain:
            until = datetime.fromisoformat(row.started_at) + settle
            left_s = (until - self._clock.now()).total_seconds()
            if left_s > 0:
                raise JobWaits(left_s, f"the write of licence {row.name!r} may still land")
        self.writes = stored if mine else Writes(job=self._job.id, revision=revision)
        self.writes = self.writes.model_copy(update={"fence": self._job.fence})
        self.before = Writes() if mine else stored
        return True

    def own_count(self, key: str) -> int | None:
        """What an earlier write may have left there without a read-back."""
        row = self.before.rows.get(key) or self.writes.rows.get(key)
        return row.count if row is not None and (row.state != "planned" or row.looks) else None

    async def settle(self, shelf: Shelf, known: Mapping[str, Counted]) -> None:
        """Compare what was sent with a look; what is not there yet is looked at again first."""
        changed: dict[str, Write] = {}
        for key, row in self.writes.rows.items():
            after = row if row.is_over else self._looked(key, row, shelf, known)
            if after != row:
                changed[key] = after
        await self._put(changed)
        if any(row.state in ("sending", "sent") for row in self.writes.rows.values()):
            raise JobWaits(self._settle_s, "one more look first")

    def _looked(self, key: str, row: Write, shelf: Shelf, known: Mapping[str, Counted]) -> Write:
        want = self._wanted[key]
        if row.decision.outcome == "updated":
            licence = shelf.by_id.get(row.decision.licence or 0)
        else:
            entry = known.get(key)
            found = shelf.find(want, entry if entry and entry.licence in shelf.by_id else None)
            if found.code and row.state != "planned":
                update = {"state": "refused", "code": found.code, "text": found.text}
                return row.model_copy(update=update)
            licence = found.licence
        return looked(row, licence.id if licence else None, licence.count if licence else None)

    async def write(self, halo: Halo, planned: Mapping[str, Write], source: str) -> None:
        """Send what is planned; raises JobWaits when an answer was lost."""
        unknown: UnknownOutcome | None = None
        for batch in batches(planned):
            try:
                await self._send(halo, batch, source)
            except UnknownOutcome as lost:
                unknown = lost
            except PermanentError as refused:
                if refused.code in SYSTEMIC:  # the rest would be refused like this one
                    left = {k: r for k, r in self._left(planned).items() if not r.is_over}
                    await self._put({key: _refused(row, refused) for key, row in left.items()})
                    break
        if unknown is not None:
            raise JobWaits(self._settle_s, unknown.text)

    def _left(self, planned: Mapping[str, Write]) -> dict[str, Write]:
        there = {**planned, **self.writes.rows}
        return {key: row for key, row in there.items() if row.state == "planned"}

    async def _send(self, halo: Halo, batch: Mapping[str, Write], source: str) -> None:
        now = self._clock.now().isoformat()
        sending = {"state": "sending", "started_at": now}
        rows = {
            key: row.model_copy(update={**sending, "looks": row.looks if row.alone else 0})
            for key, row in batch.items()
        }
        await self._put(rows)
        await self._job.guard()
        half = max(1, len(rows) // 2)
        try:
            await halo.write_licences(
                [body_of(row, self._wanted[key], source) for key, row in rows.items()]
            )
        except UnknownOutcome as lost:
            doubtful = {"limit": half, "alone": len(rows) == 1, "text": lost.text}
            await self._put({k: r.model_copy(update=doubtful) for k, r in rows.items()})
            raise
        except TransientError:
            await self._put(batch)
            raise
        except PermanentError as refused:
            if len(rows) == 1:
                await self._put({key: _refused(row, refused) for key, row in rows.items()})
            else:  # nothing says which row it means, nor that the others were not written
                again = {"state": "planned", "limit": half, "text": refused.text}
                await self._put({k: r.model_copy(update=again) for k, r in rows.items()})
            raise
        await self._put({k: r.model_copy(update={"state": "sent"}) for k, r in rows.items()})

    async def _put(self, rows: Mapping[str, Write]) -> None:
        if not rows:
            return
        self.writes = self.writes.having(rows)
        await self._store.put_writes(self._job.tenant, self._where, self.writes)


def _refused(row: Write, refused: PermanentError) -> Write:
    code = refused.code if refused.code in SYSTEMIC else NOT_SAVED
    return row.model_copy(update={"state": "refused", "code": code, "text": refused.text})
