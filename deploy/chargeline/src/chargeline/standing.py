"""What a run says became of its lines: shown beside what explain recomputes, never mixed into it.

Explain can not know what the destination decides, such as an invoice that is not open any more.
"""

from __future__ import annotations

from chargeline.explain import DocumentExplained, LineExplained
from chassis.records import Records
from chassis.table import Table
from gateway.domain.projection import Projection, entries_of
from gateway.domain.run import Run
from poster_halo.domain.postings import Posting
from schemas.ids import plan_id

_HANDLED = ("posted", "held", "refused", "pending", "settled")
POSTED = "posted"


async def with_standing(
    records: Records, tenant: str, run: Run, explained: DocumentExplained
) -> DocumentExplained:
    """With `stands` on every line that was to be billed: `posted`, `held: latest-not-open` …"""
    said: dict[str, str] = {}
    standing: set[str] = set()
    async for stored in Table(records, "projections", Projection).every(tenant, "run", run.run):
        batch = stored.value.batch
        said[batch] = _said(stored.value)
        posting = await Table(records, "postings", Posting).get(
            tenant, plan_id(batch, run.connection)
        )
        if posting is not None:
            standing.update(*(part.lines for part in posting.value.standing))

    def told(line: LineExplained) -> LineExplained:
        if line.outcome != POSTED:
            return line
        stands = POSTED if line.line in standing else said.get(line.batch)
        return line.model_copy(update={"stands": stands})

    return explained.model_copy(
        update={
            "lines": tuple(map(told, explained.lines)),
            "merged": tuple(map(told, explained.merged)),
        }
    )


async def standing_of(
    records: Records, tenant: str, run: Run, line: LineExplained
) -> LineExplained:
    """The same for one line."""
    alone = DocumentExplained(source="", document="", settings="", lines=(line,))
    return (await with_standing(records, tenant, run, alone)).lines[0]


def _said(projection: Projection) -> str:
    """How the kept lines of the batch ended that do not stand, by the first reason there is."""
    left = [e for e in entries_of(projection) if e.outcome in _HANDLED]
    normalized = projection.normalized
    mine = {(e.outcome, e.reason) for e in normalized.money} if normalized else set()
    others = [e for e in left if (e.outcome, e.reason) not in mine]
    waiting = [e for e in others if e.outcome != POSTED] or others
    if not waiting:
        return ""
    first = waiting[0]
    return f"{first.outcome}: {first.reason}" if first.reason else first.outcome
