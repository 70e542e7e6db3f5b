"""The job LinkCounts: plans which recurring invoice lines count our licences, or puts links there.

It plans first; it changes only what is named by its hash and is still planned so. What is there
already plans nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from chassis.jobs import JobFailure
from chassis.service import JobRun
from poster_halo.count_store import CountStore, where_of
from poster_halo.domain.link_writes import LinkWrites
from poster_halo.facts import short
from poster_halo.link_look import LinkLook, look, wanted_links
from poster_halo.link_writing import MOVED, LinkWriting
from poster_halo.tools import Tools
from schemas import frame
from schemas.counts import CountLink, CountLinks, CountLinksPlanned, LinkCounts

_Hashes = TypeAdapter(list[str])


class LinkingJob:
    """One look at the start; every recurring invoice is read again just before it is written."""

    def __init__(self, tools: Tools, store: CountStore) -> None:
        self._tools, self._store = tools, store

    async def run(self, job: JobRun) -> None:
        """Plan, apply what is named, and say how every link stands."""
        head, hashes = _read(job)
        where = where_of(head.connection, head.source)
        if (await self._store.links(job.tenant, where)).answered == job.id:
            return
        settings = await self._tools.settings.read(job.tenant, head.settings)
        writing = LinkWriting(self._store, job, where, self._tools.clock, settings)
        await writing.begin()
        standing = await self._store.standing(job.tenant, where)
        halo = await self._tools.open_halo(job, settings)
        seen = await look(halo, wanted_links(standing, settings), settings, head.source)
        before = writing.state.planned
        if head.applies:
            await writing.apply(halo, seen, hashes, head.source)
        rows, lost = _answers(seen, writing.state, before, hashes if head.applies else ())
        text = f"{lost} of the links named are not planned: plan again" if lost else ""
        ended = writing.state.ended
        planned = {row.hash: row for row in rows if row.hash and row.hash not in ended}
        fact = _fact(head).model_copy(update={"problem": MOVED if lost else None, "text": text})
        after = LinkWrites(
            fence=job.fence, answered=job.id, job=job.id, planned=planned, ended=ended
        )
        message = await self._tools.message(fact, CountLinks.dump_json(rows))
        await self._store.put_links(job.tenant, where, after, (message,))

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """What was put there before is said; nothing else was changed."""
        head, _ = _read(job)
        where = where_of(head.connection, head.source)
        stored = await self._store.links(job.tenant, where)
        if stored.answered == job.id:
            return
        ended = list(stored.ended.values()) if stored.job == job.id else []
        update = {"problem": failure.code, "text": short(failure.text)}
        fact = _fact(head).model_copy(update=update)
        message = await self._tools.message(fact, CountLinks.dump_json(ended))
        after = stored.model_copy(update={"answered": job.id, "fence": job.fence})
        await self._store.put_links(job.tenant, where, after, (message,))


def _answers(
    seen: LinkLook, state: LinkWrites, before: dict[str, CountLink], hashes: Sequence[str]
) -> tuple[list[CountLink], int]:
    """Every link once: as applied, as refused, or as planned now; and how many names have none."""
    ended = {(row.client, row.product): row for row in state.ended.values()}
    planned = {(link.row.client, link.row.product): link.row for link in seen.links}
    lost = 0
    for one in hashes:
        row = before.get(one)
        if one in state.ended:
            continue
        if row is None or (row.client, row.product) not in planned:
            lost += 1
            continue
        now = planned[row.client, row.product]
        if now.operation != "none":  # already as wanted is as good as done
            text = now.text or "it is not as it was when the links were planned: plan them again"
            moved = {"operation": "held", "hash": "", "code": MOVED, "text": text}
            ended[row.client, row.product] = now.model_copy(update=moved)
    return [ended.get(key, row) for key, row in planned.items()], lost


def _fact(head: LinkCounts) -> CountLinksPlanned:
    return CountLinksPlanned(
        tenant=head.tenant,
        run=head.run,
        revision=head.revision,
        settings=head.settings,
        source=head.source,
        document=head.document,
        connection=head.connection,
        applied=head.applies,
    )


def _read(job: JobRun) -> tuple[LinkCounts, list[str]]:
    line, body = frame.decode(job.payload)
    return LinkCounts.model_validate_json(line), _Hashes.validate_json(body or b"[]")
