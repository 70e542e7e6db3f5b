"""After an append to a synced invoice: has HaloPSA brought it to Xero (R10)? One look more says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from chassis.errors import PermanentError
from poster_halo.domain.observed import Document
from poster_halo.domain.postings import Part
from poster_halo.look import Look
from poster_halo.tools import Tools
from poster_halo.work import Work

type Late = list[tuple[Work, Part]]


async def wait_for_xero(
    tools: Tools, look: Look, works: Sequence[Work], shown: dict[int, Document | None]
) -> None:
    """Reads what is not synced yet once more, after the settle time, and warns of what is not.

    The wait is one for all of a group, in place: a job that comes again would list anew. What was
    written is neither held nor undone for it: it stands at HaloPSA.
    """
    late = _late(works, shown)
    if not late:
        return
    written = max(datetime.fromisoformat(part.started_at) for _, part in late)
    until = written + timedelta(seconds=look.settings.halopsa.settle_s)
    left_s = (until - tools.clock.now()).total_seconds()
    if left_s > 0:
        await tools.clock.sleep(left_s)
    for number in sorted({part.ext for _, part in late}):
        shown[number] = await look.read(number)
    late = _late(works, shown)
    if not late:
        return
    refused = await _refused_by_xero(look, min(part.started_at for _, part in late))
    for work, part in late:
        work.warnings.append("xero-refused" if part.ext in refused else "xero-not-updated")


def _late(works: Sequence[Work], shown: dict[int, Document | None]) -> Late:
    """Appended to a synced invoice, which has not been synced since."""
    return [
        (work, part)
        for work in works
        for part in work.posting.unread
        if part.kind == "append"
        and part.synced
        and (there := shown.get(part.ext)) is not None
        and there.last_synced == part.synced
    ]


async def _refused_by_xero(look: Look, since: str) -> set[int]:
    """Invoices with an integration error since the write; none if nobody may see them."""
    day = date.fromisoformat(since[:10]) - timedelta(days=1)  # its dates have no zone
    try:
        errors = await look.halo.integration_errors()
    except PermanentError as refused:
        if refused.code in ("halopsa-right-missing", "halopsa-missing"):
            return set()
        raise
    return {
        int(error.entity_id)
        for error in errors
        if error.entity_type.casefold() == "invoice"
        and error.entity_id.isdecimal()
        and (error.date is None or error.date >= day)
    }
