"""The job SyncCounts: read the day, judge it, store it, say what was found, or why it was not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from chassis.errors import PermanentError, TransientError
from chassis.jobs import JobFailure
from chassis.service import JobRun, JobWaits
from ingest_huntress.domain.guards import Baseline
from ingest_huntress.domain.snapshot import Day, Snapshot, billed_organizations, taken
from ingest_huntress.reading import Progress, Reading
from ingest_huntress.stored import StoredAnswers
from ingest_huntress.tools import KEPT_DAYS, Snapshots, Tools
from ingest_huntress.translate import SOURCE
from schemas import frame
from schemas.counts import AcceptedCount, AcceptedCounts, Counts
from schemas.messages import CountsReceived, SyncCounts
from schemas.settings import Settings

LIMITS = frozenset({"rate-limited", "huntress-limit"})
# With progress between them waits are not counted; without, the limit is somebody else's doing.
WAITS_MAX = 60
TEXT_MAX = 500


class SyncJob:
    """Only reads at Huntress. It can be left at any instruction and taken up by another process."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._snapshots = Snapshots(tools)

    async def run(self, job: JobRun) -> None:
        """Read, judge, store; what is published is stored in the same update as the baseline."""
        command, words = _read(job)
        baseline = await self._snapshots.baseline(job.tenant)
        if baseline.job == job.id:  # it was killed between that update and its own end
            return
        if baseline.revision > command.revision:
            # Who waits for the limit lets others pass: what it has read is older than theirs.
            text = "a later sync has read the counts meanwhile"
            await self.failed(job, JobFailure(code="superseded", text=text))
            return
        settings = await self._tools.settings.read(job.tenant, command.settings)
        self._refuse_the_past(command, settings, baseline)
        billed = billed_organizations(settings)
        answers = StoredAnswers(self._tools, job.tenant, command.day, job.id)
        try:
            huntress = await self._tools.open_huntress(job, settings)
            quick = command.mode == "quick"
            reading = Reading(huntress, job, answers, billed, quick=quick)
            found = await reading.organizations()
            extra = await reading.billed_to_reseller()
        except TransientError as busy:
            await _wait(job, answers, busy)
            raise
        snapshot = taken(found, baseline, billed, settings.counts, words)
        seen = snapshot.baseline.seen or 0
        fact = CountsReceived(
            **_carried(command),
            organizations=seen,
            organizations_before=baseline.seen,
            rows=len(snapshot.rows),
            held=snapshot.held,
            shortfalls=extra.shortfalls,
            shortfalls_found=extra.found,
            shortfalls_unknown=extra.unknown,
        )
        await self._keep(job, command, fact, baseline.days, snapshot)

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """The counts of the day are not known, and why."""
        command, _ = _read(job)
        fact = CountsReceived(
            **_carried(command), problem=failure.code, text=failure.text[:TEXT_MAX]
        )
        await self._tools.answer(job, fact, b"[]")

    async def _keep(
        self,
        job: JobRun,
        command: SyncCounts,
        fact: CountsReceived,
        days_before: tuple[str, ...],
        snapshot: Snapshot,
    ) -> None:
        body = Counts.dump_json(list(snapshot.rows))
        message = await self._tools.bodies.message(fact, job.tenant, body)
        day = Day(
            day=command.day,
            mode=command.mode,
            at=self._tools.clock.now().isoformat(),
            organizations=fact.organizations,
            rows=snapshot.rows,
        )
        oldest = date.fromisoformat(command.day) - timedelta(days=KEPT_DAYS)
        kept = await self._snapshots.forget(job.tenant, days_before, oldest)
        days = tuple(sorted({*kept, command.day}))
        named = {"job": job.id, "revision": command.revision, "days": days}
        baseline = snapshot.baseline.model_copy(update=named)
        await self._snapshots.keep(job.tenant, day, baseline, message)

    def _refuse_the_past(self, command: SyncCounts, settings: Settings, before: Baseline) -> None:
        """Huntress knows no yesterday. A reading that began late keeps the day it was asked for."""
        today = self._tools.clock.today(settings.tenant.timezone)
        day = date.fromisoformat(command.day)
        if day >= today:
            return
        if day == today - timedelta(days=1) and command.day not in before.days:
            return
        raise PermanentError(
            "count-day-passed",
            f"the counts of {day} can not be read any more: Huntress only tells those of now."
            f" Sync {today}",
        )


async def _wait(job: JobRun, answers: StoredAnswers, busy: TransientError) -> None:
    """A limit is waited for, however often, as long as the reading gets on."""
    if busy.code not in LIMITS or busy.retry_after_s is None or job.attempts >= WAITS_MAX:
        return
    progress = Progress.of(job)
    if answers.kept:
        stored = progress.stored + answers.kept
        await job.save(progress.model_copy(update={"stored": stored}).model_dump_json().encode())
    raise JobWaits(busy.retry_after_s, busy.text) from busy


def _carried(command: SyncCounts) -> dict[str, Any]:
    """What the answer has in common with its command."""
    return {
        "tenant": command.tenant,
        "run": command.run,
        "revision": command.revision,
        "settings": command.settings,
        "source": SOURCE,
        "connection": command.connection,
        "day": command.day,
        "mode": command.mode,
    }


def _read(job: JobRun) -> tuple[SyncCounts, list[AcceptedCount]]:
    line, body = frame.decode(job.payload)
    return SyncCounts.model_validate_json(line), AcceptedCounts.validate_json(body or b"[]")
