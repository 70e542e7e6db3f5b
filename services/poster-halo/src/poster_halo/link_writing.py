"""Putting links on recurring invoices: only what was named, as a round trip, read back (R16).

One recurring invoice is one write: its intent is stored, the fence compared, the answer stored,
and the read-back shows our links there and other people's lines as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.service import JobRun, JobWaits
from poster_halo.count_store import CountStore
from poster_halo.domain.counted_lines import (
    Link,
    Recurring,
    billed,
    foreign_digest,
    stands,
    with_links,
    without_text,
)
from poster_halo.domain.licence_writes import LOOKS_MAX, VENDORS
from poster_halo.domain.link_writes import LinkWrite, LinkWrites
from poster_halo.domain.recurring import MONTHLY
from poster_halo.facts import short
from poster_halo.licence_reading import recurring_of
from poster_halo.link_look import LinkLook
from poster_halo.writing import LOOKS_BEFORE_REPEAT, SYSTEMIC
from schemas.counts import CountLink
from schemas.settings import Settings
from vendors.halopsa import Halo

MOVED = "moved"
NOT_KEPT = "link-not-kept"
FOREIGN = "foreign-lines-changed"
OTHERS_WAIT = 40  # settle times; an hour is not to be waited for a job that was lost


class LinkWriting:
    """The link writes of one job. Raises JobWaits while it is not known what a write did."""

    def __init__(
        self, store: CountStore, job: JobRun, where: str, clock: Clock, settings: Settings
    ) -> None:
        self._store, self._job, self._where = store, job, where
        self._clock, self._settle_s = clock, settings.halopsa.settle_s
        self._today = clock.today(settings.tenant.timezone)
        self.state = LinkWrites()

    async def begin(self) -> None:
        """Read what is under way; an uncertain write may still land until it has settled."""
        stored = await self._store.links(self._job.tenant, self._where)
        writing, mine = stored.writing, stored.job == self._job.id
        if writing is not None and writing.state == "sending":
            self._wait(writing, 1 if mine else 2)  # another job's is looked for only once
        if writing is not None and not mine and stored.job != stored.answered:
            self._wait(writing, OTHERS_WAIT)  # it comes back to say what it did
        update: dict[str, Any] = {"fence": self._job.fence}
        if stored.job != self._job.id:
            update |= {"job": self._job.id, "ended": {}, "writing": None}
        self.state = stored.model_copy(update=update)

    def _wait(self, writing: LinkWrite, times: int) -> None:
        """Until it has settled so many times over."""
        until = datetime.fromisoformat(writing.started_at)
        until += timedelta(seconds=self._settle_s * times)
        left_s = (until - self._clock.now()).total_seconds()
        if left_s > 0:
            wait_s = min(left_s, 2 * self._settle_s)
            raise JobWaits(wait_s, "the write of a recurring invoice may still land")

    async def apply(self, halo: Halo, seen: LinkLook, hashes: Sequence[str], source: str) -> None:
        """Every named change that is still planned so; what became of each is in the state."""
        await self._settle(halo, seen)
        todo = [seen.by_hash()[one] for one in hashes if self._is_open(one, seen)]
        targets = sorted({(link.row.recurring or 0, link.row.client) for link in todo})
        for number, client in targets:
            group = [
                link
                for link in todo
                if (link.row.recurring or 0) == number and (number or link.row.client == client)
            ]
            refused = await self._write(halo, seen, group, source)
            if refused is not None and refused.code in SYSTEMIC:
                left = [link for link in todo if link.row.hash not in self.state.ended]
                await self._end({link.row.hash: _held(link.row, refused) for link in left})
                return

    def _is_open(self, one: str, seen: LinkLook) -> bool:
        return one in seen.by_hash() and one not in self.state.ended

    async def _write(
        self, halo: Halo, seen: LinkLook, group: Sequence[Link], source: str
    ) -> PermanentError | None:
        """One recurring invoice; the refusal, if HaloPSA refused it."""
        number = group[0].row.recurring
        fresh: Recurring | None = None
        if number is not None:
            found = await halo.recurring_invoice(number)
            if found is not None:
                fresh = recurring_of(found)
                seen.take(fresh)
            now = seen.by_hash() if fresh is not None else {}
            moved = [link for link in group if link.row.hash not in now]
            text = f"recurring invoice {-9 - number} changed since the links were planned"
            why = PermanentError(MOVED, f"{text}: plan them again")
            await self._end({link.row.hash: _held(link.row, why) for link in moved})
            group = [now[link.row.hash] for link in group if link.row.hash in now]
            if not group:
                return None
        writing = self._intent(group, fresh)
        await self._put(writing=writing)
        await self._job.guard()
        try:
            ext = await self._send(halo, seen, group, fresh, source)
        except UnknownOutcome as unknown:
            await self._put(writing=writing.model_copy(update={"text": unknown.text}))
            raise JobWaits(self._settle_s, unknown.text) from unknown
        except TransientError:
            await self._put(writing=None)
            raise
        except PermanentError as refused:
            await self._end({link.row.hash: _held(link.row, refused) for link in group})
            return refused
        writing = writing.model_copy(update={"state": "sent", "recurring": ext, "looks": 0})
        await self._put(writing=writing)
        await self._read_back(halo, seen, writing, group)
        return None

    def _intent(self, group: Sequence[Link], fresh: Recurring | None) -> LinkWrite:
        hashes = tuple(link.row.hash for link in group)
        before = self.state.writing
        lines = tuple(line.id for line in fresh.lines) if fresh else ()
        unnamed = without_text(fresh) if fresh else ()
        return LinkWrite(
            hashes=hashes,
            client=group[0].row.client,
            recurring=fresh.id if fresh else 0,
            started_at=self._clock.now().isoformat(),
            looks=before.looks if before is not None and before.hashes == hashes else 0,
            lines=lines,
            unnamed=unnamed,
            foreign=foreign_digest(fresh, lines, group, unnamed) if fresh else "",
        )

    async def _send(
        self,
        halo: Halo,
        seen: LinkLook,
        group: Sequence[Link],
        fresh: Recurring | None,
        source: str,
    ) -> int:
        lines = with_links(fresh, group, seen.there.licences)
        if fresh is not None:
            await halo.update_recurring_invoice({"id": fresh.id, "lines": lines})
            return fresh.id
        name = f"{VENDORS.get(source, source.title())} {group[0].row.client_name}".strip()
        body = _new_invoice(group[0].row.client, name, self._today)
        return (await halo.create_recurring_invoice({**body, "lines": lines})).id

    async def _read_back(
        self, halo: Halo, seen: LinkLook, writing: LinkWrite, group: Sequence[Link]
    ) -> None:
        found = await halo.recurring_invoice(writing.recurring)
        there = recurring_of(found) if found is not None else None
        if there is not None:
            seen.take(there)
        if there is not None and all(stands(there, link) for link in group):
            await self._end(_done(writing, group, there, seen))
            return
        looks = writing.looks + 1
        if looks < LOOKS_MAX:
            await self._put(writing=writing.model_copy(update={"looks": looks}))
            raise JobWaits(self._settle_s, "one more look first")
        text = f"recurring invoice {-9 - writing.recurring} reads back without the link"
        why = PermanentError(NOT_KEPT, f"{text}: set it there by hand")
        await self._end({link.row.hash: _held(link.row, why) for link in group})

    async def _settle(self, halo: Halo, seen: LinkLook) -> None:
        """A write that was under way: it stands, or it is looked for again, or repeated."""
        writing = self.state.writing
        if writing is None:
            return
        group = [Link(self.state.planned[one]) for one in writing.hashes]
        if writing.state == "sent":
            await self._read_back(halo, seen, writing, group)
            return
        for one in seen.recurring():
            mine = one.client == writing.client and writing.recurring in (0, one.id)
            if mine and all(stands(one, link) for link in group):
                await self._end(_done(writing, group, one, seen))
                return
        looks = writing.looks + 1
        if looks >= LOOKS_MAX:
            text = writing.text or "HaloPSA gave no answer, and nothing is there"
            why = PermanentError("halopsa-outcome-unknown", text)
            await self._end({link.row.hash: _held(link.row, why) for link in group})
            return
        await self._put(writing=writing.model_copy(update={"looks": looks}))
        if looks < LOOKS_BEFORE_REPEAT:
            raise JobWaits(self._settle_s, "one more look first")

    async def _end(self, rows: dict[str, CountLink]) -> None:
        if rows:
            await self._put(ended={**self.state.ended, **rows}, writing=None)

    async def _put(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)
        await self._store.put_links(self._job.tenant, self._where, self.state)


def _held(row: CountLink, why: PermanentError) -> CountLink:
    return row.model_copy(
        update={"operation": "held", "hash": "", "code": why.code, "text": short(why.text)}
    )


def _done(
    writing: LinkWrite, group: Sequence[Link], there: Recurring, seen: LinkLook
) -> dict[str, CountLink]:
    """The changes as read back; what of other people's lines is not as it was is said."""
    update: dict[str, Any] = {"recurring": there.id, "code": None, "text": ""}
    now = foreign_digest(there, writing.lines, group, writing.unnamed)
    if writing.lines and now != writing.foreign:
        text = f"other lines of recurring invoice {there.number} changed meanwhile: look at them"
        update |= {"code": FOREIGN, "text": text}
    elif there.disabled or there.next_creation is None:
        text = f"recurring invoice {there.number} has no next date: set its schedule in HaloPSA"
        update |= {"code": "recurring-schedule-missing", "text": text}
    rows: dict[str, CountLink] = {}
    for link in group:
        line = stands(there, link)
        assert line is not None, "what does not stand is not done"
        bills = billed(line, seen.there.licences)
        own = {"line": line.id, "bills_now": bills, "bills_then": bills}
        rows[link.row.hash] = link.row.model_copy(update={**update, **own})
    return rows


def _new_invoice(client: int, name: str, today: date) -> dict[str, Any]:
    """Monthly, from the first of the next month on."""
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    when = {
        "period": MONTHLY,
        "startdate": f"{first.isoformat()}T00:00:00",
        "nextcreationdate": f"{first.isoformat()}T00:00:00",
    }
    return {
        "client_id": client,
        "name": name,
        "is_recurring_invoice": True,
        "create_recurring_invoice": True,
        "_is_task_schedule": True,
        "schedule": when,
        **when,
    }
