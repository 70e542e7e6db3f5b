"""Takes a run over the barriers that have fallen: the machine decides, this stores and says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from chassis.records import Message
from chassis.table import Stored
from gateway.counted import count_end
from gateway.domain import automation, commands
from gateway.domain.approval import Approved, above_limit, divided
from gateway.domain.commands import Command
from gateway.domain.projection import Projection
from gateway.domain.run import Barrier, Run, Stage, fallen
from gateway.domain.statement import statement
from gateway.events import about_end, about_void, about_waiting
from gateway.store import Store
from schemas.money import ZERO


class Steps:
    """Two replicas that see the same barrier fall send one command: its id is derived."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        self._store = store
        self._bodies = bodies

    async def go_on(self, tenant: str, run: str) -> None:
        """Act on every barrier that has fallen."""
        while True:
            stored = await self._store.runs.get(tenant, run)
            if stored is None or not await self._store.may_fall(stored.value):
                return
            found = stored.value
            counts = await self._store.counts(found)
            proposed = found.stage is Stage.RESOLVING and await self._store.proposed(found)
            barrier = fallen(found, counts, proposed=proposed)
            if barrier is None:
                return
            await self.cross(stored, barrier)

    async def cross(  # noqa: PLR0911 - one return a barrier
        self, stored: Stored[Run], barrier: Barrier
    ) -> bool:
        """Do what comes after the barrier. False: somebody else moved the run meanwhile."""
        run = stored.value
        match barrier:
            case Barrier.RESOLVE:
                return await self._resolve(stored)
            case Barrier.ASK_ITEMS:
                return await self._wait(stored, Stage.ITEMS)
            case Barrier.CREATE_ITEMS:
                keys = {
                    k
                    for p in await self._batches(run)
                    if p.at(run.revision, "resolved")
                    for k in p.proposals
                }
                return await self.send(stored, Stage.CREATING, commands.create_items(run, keys))
            case Barrier.PLAN:
                batches = await self._batches(run)
                return await self.send(stored, Stage.PLANNING, commands.plan(run, batches))
            case Barrier.ASK_PLANS | Barrier.WAIT_REST:
                return await self._wait(stored, Stage.PLANNED)
            case Barrier.APPLY:
                chosen = await self._approved(run)
                if not chosen:
                    return await self._wait(stored, Stage.PLANNED)
                return await self._apply_unasked(stored, chosen)
            case Barrier.END:
                return await self._end(stored)

    async def apply(
        self, stored: Stored[Run], chosen: Sequence[Projection], by: str
    ) -> Approved | None:
        """Somebody's word for exactly these plans: they are applied, or wait for a second person.

        None: somebody else moved the run meanwhile. PermanentError `second-approver-missing` when
        the word changes nothing because it is the same person's again, or the planner's.
        """
        run = stored.value
        above = await self._above_limit(run, chosen)
        second, new = divided(
            [p for p in chosen if p.batch in above], run.first_approvals, by, run.planned_by
        )
        goes = [*(p for p in chosen if p.batch not in above), *second]
        why = next(iter(above.values()), "")
        if not goes and not new:
            text = f"{why}: somebody has to approve it who neither planned it nor approved it first"
            raise PermanentError("second-approver-missing", text)
        done = {p.batch for p in second}
        waiting = {b: f for b, f in run.first_approvals.items() if b not in done} | new
        news = {"first_approvals": waiting, "text": f"{why}: it waits for a second person"}
        if goes:
            moved = await self._send_plans(stored, goes, **news if new else {**news, "text": ""})
        else:
            half = run.model_copy(update=news)
            moved = await self._replace(stored, half, [], about_waiting(half))
        return Approved(sent=len(goes), waits=len(new)) if moved else None

    async def _apply_unasked(self, stored: Stored[Run], chosen: Sequence[Projection]) -> bool:
        """Nobody is asked for these plans; for those above the limit people are."""
        above = await self._above_limit(stored.value, chosen)
        goes = [p for p in chosen if p.batch not in above]
        why = next(iter(above.values()), "")
        text = f"{why}: two people have to approve it" if above else ""
        if goes:
            return await self._send_plans(stored, goes, text=text)
        waits = stored.value.model_copy(update={"text": text})
        return await self._wait(replace(stored, value=waits), Stage.PLANNED)

    async def _above_limit(self, run: Run, chosen: Sequence[Projection]) -> dict[str, str]:
        """By batch, why it needs two people, under the settings of today."""
        settings = await self._store.settings(run.tenant)
        if settings.approvals.second_above is None:
            return {}
        every = [p for p in await self._batches(run) if p.revision == run.revision]
        return above_limit(every, chosen, settings)

    async def _send_plans(
        self, stored: Stored[Run], chosen: Sequence[Projection], **update: Any
    ) -> bool:
        run = stored.value
        approved = (await self._store.counts(run)).done + len(chosen)
        command = commands.apply(run, chosen)
        return await self.send(stored, Stage.APPLYING, command, approved=approved, **update)

    async def start_again(self, stored: Stored[Run], **update: Any) -> bool:
        """Form the batches again from the stored pages, at a new revision."""
        run = stored.value
        revision = await self._store.draw_revision(run.tenant)
        settings = (await self._store.tenant(run.tenant)).settings
        again = run.model_copy(
            update={
                "revision": revision,
                "settings": settings,
                "batches": None,
                "approved": 0,
                "first_approvals": {},
                "problem": None,
                "text": "",
                "stage": Stage.READING,
                **update,
            }
        )
        command = commands.ingest(again, stored=True, match_first=True)
        return await self._replace(stored, again, [command])

    async def overtake(self, run: Run) -> None:
        """Older runs over the document end here: nobody answers for a lower revision any more."""
        async for stored in self._store.runs.every(run.tenant, "tenant", run.tenant):
            old: Stored[Run] | None = stored
            while old is not None and _is_overtaken(old.value, run):
                text = f"run {run.run} reads the same document later"
                news = {"problem": "superseded", "text": text}
                if await self.end_held(old, old.value.model_copy(update=news)):
                    break
                old = await self._store.runs.get(run.tenant, old.value.run)

    async def update_and_send(
        self, stored: Stored[Run], run: Run, stage: Stage, command: Command
    ) -> bool:
        """Store the run as changed, at that stage, with the command, in one update."""
        return await self._replace(stored, run.model_copy(update={"stage": stage}), [command])

    async def send(
        self, stored: Stored[Run], stage: Stage, command: Command, **update: Any
    ) -> bool:
        """Move the run and send the command, in one update."""
        run = stored.value.model_copy(update={"stage": stage, **update})
        return await self._replace(stored, run, [command])

    async def move(self, stored: Stored[Run], run: Run) -> bool:
        """Store the run as changed; there is nothing to say."""
        return await self._replace(stored, run, [])

    async def end_held(self, stored: Stored[Run], run: Run) -> bool:
        """End it here: its problem holds the whole document, or a later run reads that."""
        ended = run.model_copy(update={"stage": Stage.ENDED})
        mine, others = await self._batches(run), await self._store.others(run)
        proof = statement(ended, mine, others)
        return await self._replace(stored, ended, [], about_end(ended, proof))

    async def _resolve(self, stored: Stored[Run]) -> bool:
        run = stored.value
        batches = await self._batches(run)
        resolving = run.model_copy(update={"stage": Stage.RESOLVING})
        command = commands.resolve(run, batches)
        return await self._replace(stored, resolving, [command], about_void(run, batches))

    async def _wait(self, stored: Stored[Run], stage: Stage) -> bool:
        waiting = stored.value.model_copy(update={"stage": stage})
        return await self._replace(stored, waiting, [], about_waiting(waiting))

    async def _replace(
        self, stored: Stored[Run], run: Run, said: Sequence[Command], extra: Sequence[Message] = ()
    ) -> bool:
        messages = [await self._bodies.message(head, run.tenant, body) for head, body in said]
        return await self._store.runs.replace(
            stored, run, tags={"tenant": run.tenant}, outgoing=[*messages, *extra]
        )

    async def _end(self, stored: Stored[Run]) -> bool:
        run = stored.value
        batches = await self._batches(run)
        moved = any(
            f is not None and f.plan_again for p in batches if (f := p.at(run.revision, "refused"))
        )
        if moved and run.replanned == 0 and (run.approve_plans or run.automatic):
            return await self.start_again(stored, replanned=1)
        ended = run.model_copy(update={"stage": Stage.ENDED})
        proof = statement(ended, batches)
        void = about_void(run, batches) if run.stage is Stage.NORMALIZING else ()
        moved = await self._replace(stored, ended, [], (*void, *about_end(ended, proof)))
        if moved:
            count_end(proof)
        return moved

    async def _batches(self, run: Run) -> list[Projection]:
        return await self._store.batches(run.tenant, run.run)

    async def _approved(self, run: Run) -> list[Projection]:
        planned = commands.appliable(run, await self._batches(run))
        if run.approve_plans:
            return planned
        rules = (await self._store.versions.read(run.tenant, run.settings)).automation
        return [
            p
            for p in planned
            if p.planned is not None
            and automation.stop(p.planned, await self._history(run, p), rules) is None
        ]

    async def _history(self, run: Run, p: Projection) -> list[Decimal]:
        """What the last three documents posted for the same bill-to and currency."""
        assert p.normalized is not None, "a planned batch was normalized"
        tag = f"{p.normalized.bill_to}:{p.normalized.currency}"
        totals: dict[str, Decimal] = {}
        async for stored in self._store.projections.every(run.tenant, "bill_to", tag):
            old = stored.value
            if old.done is None or old.done.document == run.document or old.normalized is None:
                continue
            posted = sum((e.price for e in old.done.money if e.outcome == "posted"), ZERO)
            totals[old.normalized.document_date] = posted
        return [totals[day] for day in sorted(totals)[-3:]]


# Further on, lifecycle and poster answer for a batch of a lower revision themselves.
_BEFORE_RESOLVED = (Stage.READING, Stage.MATCHING, Stage.NORMALIZING, Stage.RESOLVING)


def _is_overtaken(old: Run, new: Run) -> bool:
    same = (old.source, old.document) == (new.source, new.document)
    return same and old.revision < new.revision and old.stage in _BEFORE_RESOLVED
