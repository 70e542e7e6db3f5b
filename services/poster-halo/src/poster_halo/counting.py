"""The job of CountsResolved: changed counts are written on licences, and read back (R21).

One list shows what is there, one list after the writes what became of them: nothing that did not
change is written. What waits for a person keeps its old count, and the results say so.
"""

from __future__ import annotations

from collections.abc import Iterable

from chassis.errors import PermanentError
from chassis.jobs import JobFailure
from chassis.service import JobRun
from poster_halo.count_store import CountStore, Standing, where_of
from poster_halo.domain.count_rows import (
    held_there,
    in_order,
    left_over_row,
    rows_of,
    with_warning,
)
from poster_halo.domain.counted_lines import bills_old
from poster_halo.domain.licence_conflicts import left_over, on_one_licence, shared
from poster_halo.domain.licence_writes import LICENCES_A_WRITE, Write
from poster_halo.domain.licences import SHARED, Counted, Decision, Shelf, decide, key_of
from poster_halo.facts import short, told
from poster_halo.licence_reading import explained, licence_of, recurring_of
from poster_halo.licence_writing import LicenceWriting
from poster_halo.tools import Tools
from schemas import frame
from schemas.counts import (
    ClientCount,
    CountRow,
    CountRows,
    CountsPosted,
    CountsResolved,
    ResolvedCounts,
)
from vendors.halopsa import Halo

ROUNDS_MAX = 60
BILLS_OLD = "recurring-bills-old-count"
TO_WRITE = ("created", "updated")


class CountingJob:
    """Sync after sync over one record of what stands at the connection."""

    def __init__(self, tools: Tools, store: CountStore) -> None:
        self._tools, self._store = tools, store

    async def run(self, job: JobRun) -> None:
        """Write what changed, and say what became of every row of the snapshot."""
        head, resolved = _read(job)
        where = where_of(head.connection, head.source)
        standing = await self._store.standing(job.tenant, where)
        if standing.answered == job.id:
            return
        settings = await self._tools.settings.read(job.tenant, head.settings)
        wanted = {key_of(one.client, one.product): one for one in resolved.clients}
        writing = LicenceWriting(
            self._store, job, where, wanted, self._tools.clock, settings.halopsa.settle_s
        )
        if standing.revision > head.revision or not await writing.begin(head.revision):
            text = "newer counts were written meanwhile: nothing more of this sync is written"
            await self._end(job, head, resolved, JobFailure(code="superseded", text=text))
            return
        halo = await self._tools.open_halo(job, settings)
        sync = _Sync(wanted, standing, writing, halo, head.source)
        await sync.rounds()
        rows = await self._rows(resolved, sync)
        after = Standing(
            fence=job.fence,
            answered=job.id,
            revision=head.revision,
            day=head.day,
            rows=sync.after(),
        )
        fact = _posted(head, rows)
        body = CountRows.dump_json(rows)
        message = await self._tools.message(fact, body)
        await self._store.put_standing(job.tenant, where, after, (message,))

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Nothing more of it is written; what was written is seen by the next sync."""
        head, resolved = _read(job)
        await self._end(job, head, resolved, failure)

    async def _rows(self, resolved: ResolvedCounts, sync: _Sync) -> list[CountRow]:
        at = self._tools.clock.now().isoformat()
        rows = [held_there(row, sync.known, sync.shelf) for row in resolved.ended]
        for key, want in sync.wanted.items():
            made = sync.made[key]
            rows += rows_of(want, made, sync.count_of(made.licence), at)
        held = [key_of(r.client, r.product) for r in rows if r.client and r.outcome == "held"]
        left = left_over(sync.known, [*sync.wanted, *held], sync.shelf)
        rows += [left_over_row(entry, licence, at) for entry, licence in left]
        return in_order(with_warning(rows, await _billed_old(sync, rows), BILLS_OLD))

    async def _end(
        self, job: JobRun, head: CountsResolved, resolved: ResolvedCounts, failure: JobFailure
    ) -> None:
        """A sync that ends with a problem: the licences are as they were, or as they were left."""
        where = where_of(head.connection, head.source)
        standing = await self._store.standing(job.tenant, where)
        if standing.answered == job.id:
            return
        made = Decision(outcome="refused", code=failure.code, text=short(failure.text))
        at = self._tools.clock.now().isoformat()
        rows = [row for want in resolved.clients for row in rows_of(want, made, None, at)]
        rows = in_order((*resolved.ended, *rows))
        fact = _posted(head, rows).model_copy(
            update={"problem": failure.code, "text": short(failure.text)}
        )
        message = await self._tools.message(fact, CountRows.dump_json(rows))
        after = standing.model_copy(update={"answered": job.id, "fence": job.fence})
        await self._store.put_standing(job.tenant, where, after, (message,))


class _Sync:
    """One pass: look, settle, decide, write, and look again until nothing is left to write."""

    def __init__(
        self,
        wanted: dict[str, ClientCount],
        standing: Standing,
        writing: LicenceWriting,
        halo: Halo,
        source: str,
    ) -> None:
        self.wanted, self.known = wanted, standing.rows
        self.halo = halo
        self.shelf = Shelf(())
        self.made: dict[str, Decision] = {}
        self._writing, self._source = writing, source
        self._shared = shared(list(wanted.values()))

    async def rounds(self) -> None:
        """Until all is written and read back; raises JobWaits while an outcome is not known."""
        for _ in range(ROUNDS_MAX):
            self.shelf = Shelf(map(licence_of, await self.halo.licences()))
            await self._writing.settle(self.shelf, self.known)
            planned = self._decided()
            if not planned:
                break
            await self._writing.write(self.halo, planned, self._source)
        else:
            raise AssertionError("each round settles a row or halves a request")
        await self._explain()

    def _decided(self) -> dict[str, Write]:
        """Fills `made`; what is to be written now."""
        rows = self._writing.writes.rows
        for key, want in self.wanted.items():
            row = rows.get(key)
            if row is not None and row.is_over:
                self.made[key] = _ended(row)
                continue
            made = decide(want, self.shelf, self.known.get(key), self._writing.own_count(key))
            if key in self._shared and made.outcome != "held":
                update = {"outcome": "held", "code": SHARED, "text": self._shared[key]}
                made = made.model_copy(update=update)
            self.made[key] = made
        meet = on_one_licence(self.made)
        self.made |= {key: meet[key] for key in meet if key not in rows or not rows[key].is_over}
        planned: dict[str, Write] = {}
        for key, made in self.made.items():
            row, entry, want = rows.get(key), self.known.get(key), self.wanted[key]
            if made.outcome not in TO_WRITE or (row is not None and row.is_over):
                continue
            limit = 1 if entry is not None and entry.alone else LICENCES_A_WRITE
            new = row or Write(decision=made, name=want.licence, count=want.count, limit=limit)
            planned[key] = new.model_copy(update={"decision": made})
        return planned

    async def _explain(self) -> None:
        """HaloPSA says little about a row that it can not save: look for what it does not say."""
        refused = {
            key: self.wanted[key]
            for key, made in self.made.items()
            if made.outcome == "refused" and made.code.startswith("licence-")
        }
        causes = await explained(self.halo, refused.values()) if refused else {}
        for key, want in refused.items():
            made = self.made[key]
            name = f"licence {want.licence!r} of {want.client_name or 'client'} ({want.client})"
            cause = causes.get((want.client, want.item), "open it in HaloPSA and save it by hand")
            text = f"{name} was not saved: {cause}. {made.text}".rstrip()
            self.made[key] = made.model_copy(update={"text": text})

    def count_of(self, licence: int | None) -> int | None:
        """As read last."""
        there = self.shelf.by_id.get(licence or 0)
        return None if there is None else there.count

    def after(self) -> dict[str, Counted]:
        """What stands now; sums that did not come stay as they were read."""
        rows = dict(self.known)
        for key, want in self.wanted.items():
            made, entry = self.made[key], self.known.get(key)
            stands = made.outcome in (*TO_WRITE, "unchanged")
            rows[key] = Counted(
                client=want.client,
                client_name=want.client_name,
                product=want.product,
                item=want.item,
                name=want.licence,
                licence=made.licence,
                count=self.count_of(made.licence),
                others=made.others,
                ours=want.count if stands else entry.ours if entry else None,
                held=made.code if made.outcome == "held" else "",
                alone=made.outcome == "refused" and made.code.startswith("licence-"),
            )
        return rows


def _ended(row: Write) -> Decision:
    made = row.decision
    if row.state == "done":
        return made.model_copy(update={"licence": row.licence})
    update = {"outcome": "refused", "code": row.code, "text": row.text}
    return made.model_copy(update=update)


async def _billed_old(sync: _Sync, rows: Iterable[CountRow]) -> dict[tuple[int, str], str]:
    """For held rows with a licence: which recurring invoices bill the old count, and when."""
    held = {(r.client, r.product): r for r in rows if r.outcome == "held" and r.licence}
    if not held:
        return {}
    try:
        recurring = [recurring_of(one) for one in await sync.halo.recurring_invoices()]
    except PermanentError as refused:
        if refused.code != "halopsa-right-missing":
            raise
        return {}
    said = {}
    for (client, product), row in held.items():
        assert row.licence is not None, "rows without one were left out"
        text = bills_old(recurring, row.licence, sync.shelf.by_id)
        if client is not None and text:
            said[client, product] = text
    return said


def _posted(head: CountsResolved, rows: list[CountRow]) -> CountsPosted:
    def count(outcome: str) -> int:
        return sum(1 for row in rows if row.outcome == outcome)

    return CountsPosted(
        tenant=head.tenant,
        run=head.run,
        revision=head.revision,
        settings=head.settings,
        source=head.source,
        document=head.document,
        connection=head.connection,
        day=head.day,
        organizations=head.organizations,
        created=count("created"),
        updated=count("updated"),
        unchanged=count("unchanged"),
        held=count("held"),
        refused=count("refused"),
        warnings=told(sorted({code for row in rows for code in row.warnings})),
    )


def _read(job: JobRun) -> tuple[CountsResolved, ResolvedCounts]:
    line, body = frame.decode(job.payload)
    resolved = ResolvedCounts.model_validate_json(body or b"{}")
    return CountsResolved.model_validate_json(line), resolved
