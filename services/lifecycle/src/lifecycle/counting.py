"""The job ResolveCounts: clients and items of a snapshot of counts, summed. Reads only."""

from __future__ import annotations

from chassis.errors import PermanentError
from chassis.jobs import JobFailure
from chassis.service import JobRun
from lifecycle.catalogs import Catalogs
from lifecycle.domain.counts import resolved
from lifecycle.domain.facts import short
from lifecycle.tools import Session, Tools
from schemas import frame
from schemas.counts import Counts
from schemas.messages import Count, CountsReceived, CountsResolved, ResolvedCounts
from vendors.probe import ALL_SCOPES, COUNT_READS, COUNT_WRITES


class CountingJob:
    """Lists clients and items once a snapshot, however many organisations it has."""

    def __init__(self, tools: Tools, catalogs: Catalogs) -> None:
        self._tools = tools
        self._catalogs = catalogs

    async def run(self, job: JobRun) -> None:
        """Check the rights, list, resolve, publish."""
        head, rows = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        session = Session(self._tools, job, settings)
        unproved = await _check_rights(session)
        clients = await self._catalogs.clients(session, head)
        items = await self._catalogs.items(session, head)
        at = self._tools.clock.now().isoformat()
        counts = resolved(rows, clients, items, settings, source=head.source, at=at)
        found = {
            "organizations": head.organizations,
            "clients": len({one.client for one in counts.clients}),
            "text": unproved,
        }
        fact = _answer(head).model_copy(update=found)
        await self._tools.answer(job, fact, counts.model_dump_json().encode(), "done")

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Say why nothing was resolved."""
        head, _ = _read(job)
        problem = {"problem": failure.code, "text": short(failure.text)}
        fact = _answer(head).model_copy(update=problem)
        await self._tools.answer(job, fact, ResolvedCounts().model_dump_json().encode(), "failed")


async def _check_rights(session: Session) -> str:
    """By the scopes of the token, before anything is listed; what can not be known is said.

    A token that names no scopes proves nothing: each read then shows for itself.
    """
    granted = set((await (await session.halo()).scope()).split())
    if granted and not granted & ALL_SCOPES:
        advice = {right: to_do for right, _, to_do in COUNT_READS}
        needed = [*advice, *COUNT_WRITES]
        missing = [right for right in needed if right not in granted]
        if missing:
            ways = [advice.get(right, f"allow the scope {right}") for right in missing]
            raise PermanentError(
                "halopsa-right-missing",
                f"the application lacks {', '.join(missing)}: {'; '.join(ways)}",
            )
    return f"{', '.join(COUNT_WRITES)}: not proved until the first write"


def _answer(head: CountsReceived) -> CountsResolved:
    return CountsResolved(
        tenant=head.tenant,
        run=head.run,
        revision=head.revision,
        settings=head.settings,
        source=head.source,
        connection=head.connection,
        day=head.day,
    )


def _read(job: JobRun) -> tuple[CountsReceived, list[Count]]:
    line, body = frame.decode(job.payload)
    return CountsReceived.model_validate_json(line), Counts.validate_json(body or b"[]")
