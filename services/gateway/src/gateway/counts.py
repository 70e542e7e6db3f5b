"""Counts as the gateway keeps them: commands go out, facts come in (R21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

from pydantic import TypeAdapter

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.records import Message
from chassis.service import Body
from gateway.count_queries import CountQueries
from gateway.domain.matching import with_matches
from gateway.domain.syncs import Accepted, Asked, CountsFact, Links, Standing, Sync, SyncStage
from gateway.events import about_sync
from gateway.store import Store
from schemas.counts import (
    ACCEPTABLE,
    AcceptedCount,
    AcceptedCounts,
    CountLinksPlanned,
    CountRow,
    CountsPosted,
    CountsResolved,
    LinkCounts,
    ResolvedCounts,
    SyncCounts,
)
from schemas.ids import derive_id

HUNTRESS = "huntress"
type Mode = Literal["detailed", "quick"]

_Hashes = TypeAdapter(list[str])


class Counts:
    """One record a sync, and one a source with what stands of them."""

    def __init__(self, store: Store, bodies: Bodies, clock: Clock) -> None:
        self._store = store
        self._bodies = bodies
        self._clock = clock
        self._queries = CountQueries(store, bodies)

    async def sync_counts(
        self, tenant: str, mode: Mode | None = None, day: str | None = None
    ) -> Sync:
        """Read the counts of today and write what changed; a `day` that is another is refused."""
        _, message, sync = await self.command(tenant, mode, day)
        await self.begun(tenant, sync, message)
        return sync

    async def command(
        self,
        tenant: str,
        mode: Mode | None = None,
        day: str | None = None,
        asked: Asked = "person",
    ) -> tuple[SyncCounts, Message, Sync]:
        """A command at a revision of its own, and its sync; nothing is kept or said yet."""
        settings = await self._store.settings(tenant)
        today = self._clock.today(settings.tenant.timezone)
        head = SyncCounts(
            **await self._store.head(tenant, HUNTRESS, "counts"),
            connection=derive_id("connection", tenant, "halopsa", settings.halopsa.url),
            day=_day_of(day, today),
            mode=mode or settings.counts.mode,
        )
        accepted = [
            AcceptedCount(organization=a.organization, product=a.product, count=a.count, at=a.at)
            for a in (await self._queries.standing(tenant, HUNTRESS)).accepted
        ]
        message = await self._bodies.message(head, tenant, AcceptedCounts.dump_json(accepted))
        now = self._clock.now().isoformat()
        sync = Sync(
            run=head.run,
            revision=head.revision,
            source=head.source,
            day=head.day,
            mode=head.mode,
            asked=asked,
            started_at=now,
        )
        return head, message, sync

    async def begun(self, tenant: str, sync: Sync, *said: Message) -> None:
        """Keep the sync; with its command, unless another record holds that."""
        await self._store.syncs.insert(
            tenant, sync.run, sync, tags={"source": sync.source}, outgoing=said
        )
        await self._change(tenant, sync.source, lambda s: s.take(sync))

    async def accept_count(
        self, tenant: str, organization: str, product: str, count: int
    ) -> Accepted:
        """Let this very value of a held count through, from the next sync on."""
        rows = (await self._queries.view(tenant, HUNTRESS)).rows
        found = [r for r in rows if (r.organization, r.product) == (organization, product)]
        held = [r for r in found if r.outcome == "held" and r.count == count]
        if not any(r.reason in ACCEPTABLE for r in held):
            raise PermanentError("count-not-held", _not_held(found, organization, product, count))
        now = self._clock.now().isoformat()
        accepted = Accepted(organization=organization, product=product, count=count, at=now)
        await self._change(tenant, HUNTRESS, lambda s: s.accept(accepted))
        return accepted

    async def link_counts(self, tenant: str, hashes: Sequence[str] = ()) -> int:
        """Plan the links to recurring invoice lines, or apply those named; the revision."""
        settings = await self._store.settings(tenant)
        head = LinkCounts(
            **await self._store.head(tenant, HUNTRESS, "counts"),
            connection=derive_id("connection", tenant, "halopsa", settings.halopsa.url),
            applies=bool(hashes),
        )
        message = await self._bodies.message(head, tenant, _Hashes.dump_json(sorted(hashes)))
        await self._store.say(head, message)
        return head.revision

    async def on_counts(self, head: CountsFact, body: Body) -> None:
        """Received, resolved or posted: the sync knows more, and with its end so does what stands.

        The results are kept whole: one row for every row of the snapshot.
        """
        rows = None
        if isinstance(head, CountsPosted):
            rows = await self._bodies.put(head.tenant, await body.load() or b"[]")
        while True:
            stored = await self._store.syncs.get(head.tenant, head.run)
            before = stored.value if stored else _sync_of(head)
            after = before.take(head)
            if rows is not None and after is not before:
                after = after.model_copy(update={"rows": rows})
            ends = after.stage is SyncStage.ENDED and before.stage is not SyncStage.ENDED
            said = about_sync(head.tenant, after) if ends else ()
            if stored is None:
                tags = {"source": after.source}
                if await self._store.syncs.insert(
                    head.tenant, head.run, after, tags=tags, outgoing=said
                ):
                    break
            elif after == before or await self._store.syncs.replace(stored, after, outgoing=said):
                break
        await self._change(head.tenant, head.source, lambda s: s.take(after))
        if isinstance(head, CountsResolved) and head.problem is None:
            await self._keep_matches(head, await body.load())

    async def _keep_matches(self, head: CountsResolved, body: bytes) -> None:
        """Clients that were found by an exact name are mapped from now on: the next sync reads
        those organisations one by one."""
        matches = ResolvedCounts.model_validate_json(body or b"{}").matches
        if matches:
            await self._store.change_settings(
                head.tenant, lambda s: with_matches(s, head.source, matches)
            )

    async def on_links_planned(self, head: CountLinksPlanned, body: Body) -> None:
        """A plan of links, or what applying it did."""
        links = Links(
            revision=head.revision,
            applied=head.applied,
            problem=head.problem,
            text=head.text,
            rows=await self._bodies.put(head.tenant, await body.load() or b"[]"),
        )

        def newer(s: Standing) -> Standing:
            known = s.links is not None and s.links.revision >= links.revision
            return s if known else s.model_copy(update={"links": links})

        await self._change(head.tenant, head.source, newer)

    async def _change(
        self, tenant: str, source: str, change: Callable[[Standing], Standing]
    ) -> None:
        """Apply the change to whatever stands, until nobody came between."""
        while True:
            stored = await self._store.standing.get(tenant, source)
            before = stored.value if stored else Standing()
            after = change(before)
            if stored is None:
                if await self._store.standing.insert(tenant, source, after):
                    return
            elif after == before or await self._store.standing.replace(stored, after):
                return


def _sync_of(fact: CountsFact) -> Sync:
    """A sync that is known by its facts alone: a schedule said its command, and ended there."""
    return Sync(
        run=fact.run,
        revision=fact.revision,
        source=fact.source,
        day=fact.day,
        asked="schedule",
    )


def _day_of(asked: str | None, today: date) -> str:
    """Today as ISO date: the source only tells the counts of now, whatever day is asked for."""
    if asked is None:
        return today.isoformat()
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise PermanentError("count-day", f"{asked} is no day: say it as 2026-11-05") from None
    if day > today:
        raise PermanentError("count-day", f"{asked} has not come yet: today is {today}")
    if day < today:
        text = f"the counts of {asked} can not be read any more: sync those of today, {today}"
        raise PermanentError("count-day-passed", text)
    return day.isoformat()


def _not_held(found: Sequence[CountRow], organization: str, product: str, count: int) -> str:
    where = f"product {product} of organization {organization}"
    if not found:
        return f"there is no {where} in the results: `chargeline counts show` lists them"
    for row in found:
        if row.outcome == "held" and row.count == count:
            return f"{where} is held for another cause ({row.reason}): that has to end first"
    held = [str(row.count) for row in found if row.outcome == "held"]
    now = f"is held with {', '.join(held)}" if held else f"is not held, but {found[0].outcome}"
    return f"{where} {now}, so there is no {count} to accept: `chargeline counts show` lists them"
