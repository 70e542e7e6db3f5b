"""What a person or a schedule asks of runs: the REST routes and the CLI both call this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.table import Stored
from chassis.telemetry import span
from chassis.telemetry.tracing import run_trace
from gateway.domain import commands
from gateway.domain.approval import OPERATOR, Approval, Approved
from gateway.domain.projection import Projection
from gateway.domain.run import Barrier, Run, Stage
from gateway.schedules import Schedules
from gateway.steps import Steps
from gateway.store import Store
from schemas.ids import derive_id
from schemas.messages import Head, ListDocuments, ReadDrafts
from schemas.selection import WHOLE, Selection
from schemas.settings import MANUAL_AND_AUTOMATIC, Settings


class Runs:
    """Every call changes one record and sends its command in the same update."""

    def __init__(
        self, store: Store, steps: Steps, schedules: Schedules, bodies: Bodies, clock: Clock
    ) -> None:
        self._store = store
        self._steps = steps
        self._schedules = schedules
        self._bodies = bodies
        self._clock = clock

    async def change_settings(
        self, tenant: str, change: Callable[[Settings], Settings]
    ) -> Settings:
        """A new version of the settings; runs that are under way keep theirs."""

        def checked(now: Settings) -> Settings:
            return without_contradiction(change(now))

        before = await self._store.settings(tenant)
        await self._schedules.arm_for(tenant, before, checked(before))
        await self._store.change_settings(tenant, checked)
        return await self._store.settings(tenant)

    async def list_documents(self, tenant: str, source: str, since: str | None = None) -> int:
        """Ask the source which documents it has; the revision that the answer will carry."""
        head = await self._store.head(tenant, source, "listing")
        await self._say(ListDocuments(**head, since=since))
        return int(head["revision"])

    async def read_drafts(self, tenant: str, source: str, month_offset: int) -> int:
        """Ask the source for its draft items; the revision that the answer will carry."""
        head = await self._store.head(tenant, source, "listing")
        await self._say(ReadDrafts(**head, month_offset=month_offset))
        return int(head["revision"])

    async def start(self, tenant: str, source: str, document: str, **choices: Any) -> str:
        """Begin a run over one document; its id. `choices` are the approvals of `Run`.

        With a `run` of their own choice the caller begins it once, however often this is called.
        """
        head = await self._store.head(tenant, source, "listing")
        settings = await self._store.settings(tenant)
        _refuse_manual(settings, source, automatic=choices.get("automatic", False))
        derived = derive_id("run", tenant, source, document, head["revision"])
        run_id: str = choices.pop("run", derived)
        choices = {"planned_by": OPERATOR, **choices}
        run = Run(
            run=run_id,
            tenant=tenant,
            source=source,
            document=document,
            revision=head["revision"],
            settings=head["settings"],
            connection=derive_id("connection", tenant, "halopsa", settings.halopsa.url),
            started_at=self._clock.now().isoformat(),
            **choices,
        )
        command, body = commands.ingest(run, stored=False, match_first=True)
        message = await self._bodies.message(command, tenant, body)
        with _commanded("start", run):
            await self._store.runs.insert(
                tenant, run_id, run, tags={"tenant": tenant}, outgoing=[message]
            )
        return run_id

    async def again(
        self, tenant: str, run: str, *, selection: Selection | None = WHOLE, **choices: Any
    ) -> None:
        """Form and plan the run's batches again, under today's settings, without a vendor read.

        As far as the selection goes (R13); None is what the run selected before.
        """
        while True:
            stored = await self._store.run(tenant, run)
            if stored.value.stage is Stage.APPLYING:
                raise PermanentError(
                    "run-applying", f"run {run} is being applied: wait until it has ended"
                )
            settings = await self._store.settings(tenant)
            _refuse_manual(settings, stored.value.source, automatic=stored.value.automatic)
            where = derive_id("connection", tenant, "halopsa", settings.halopsa.url)
            update = {"connection": where, "replanned": 0, "planned_by": OPERATOR, **choices}
            if selection is not None:
                update["selection"] = selection.terms
            with _commanded("again", stored.value):
                if await self._steps.start_again(stored, **update):
                    return

    async def approve_items(self, tenant: str, run: str) -> None:
        """Have the proposed items made."""
        while True:
            stored = await self._at(tenant, run, Stage.ITEMS)
            with _commanded("approve-items", stored.value):
                if await self._steps.cross(stored, Barrier.CREATE_ITEMS):
                    return

    async def approve(
        self, tenant: str, run: str, only: Sequence[str] = (), canary: int | None = None
    ) -> int:
        """The operator's word for the planned batches, all or those named; how many are applied."""
        said = await self.approve_as(tenant, run, Approval(only=only, canary=canary))
        return said.sent

    async def approve_as(self, tenant: str, run: str, approval: Approval) -> Approved:
        """Somebody's word: what it is enough for is applied, the rest waits for a second person."""
        while True:
            stored = await self._at(tenant, run, Stage.PLANNED)
            if approval.canary is not None:
                canary = stored.value.model_copy(update={"canary": approval.canary})
                stored = replace(stored, value=canary)
            chosen = await self._chosen(stored.value, approval)
            with _commanded("approve", stored.value):
                said = await self._steps.apply(stored, chosen, approval.by)
            if said is not None:
                return said

    async def _chosen(self, run: Run, approval: Approval) -> list[Projection]:
        batches = await self._store.batches(run.tenant, run.run)
        only, seen = approval.only, approval.seen
        every = commands.appliable(run, batches)
        if seen is not None:
            chosen = [p for p in every if p.planned and seen.get(p.batch) == p.planned.hash]
            if len(chosen) < len(seen):
                raise PermanentError(
                    "ready-changed", f"a plan of run {run.run} is not what was seen: look again"
                )
        else:
            chosen = [p for p in every if not only or p.batch in only]
        if not chosen:
            raise PermanentError(
                "nothing-to-apply", f"run {run.run} has no plan that can be applied"
            )
        return chosen

    async def undo(self, tenant: str, run: str, only: Sequence[str] = ()) -> tuple[int, list[str]]:
        """Have posted batches taken back; the command's revision and the plans it names."""
        stored = await self._store.run(tenant, run)
        standing = [
            (p.done, p.undo_notice)
            for p in await self._store.batches(tenant, run)
            if p.done is not None
            and p.done.external_ids  # where nothing was posted nothing answers
            and (p.undone is None or p.undone.revision < p.done.revision)
            and (not only or p.batch in only or p.done.plan in only)
        ]
        known = [done for done, undo in standing if undo is None or undo.revision < done.revision]
        plans = [done.plan for done in known]
        if standing and not plans:
            text = f"the answers to an earlier undo of run {run} are parked: retry those"
            raise PermanentError("undo-parked", text)
        if not plans:
            raise PermanentError("nothing-to-undo", f"run {run} has posted nothing that stands")
        revision = await self._store.draw_revision(tenant)
        head, body = commands.undo(stored.value, plans, revision)
        with _commanded("undo", stored.value):
            await self._say(head, body)
        return revision, plans

    async def _at(self, tenant: str, run: str, stage: Stage) -> Stored[Run]:
        stored = await self._store.run(tenant, run)
        if stored.value.stage is not stage:
            raise PermanentError(
                "run-not-there",
                f"run {run} is {stored.value.stage.value}, not {stage.value}:"
                f" `chargeline plan {run}` plans it again",
            )
        return stored

    async def _say(self, head: Head, body: bytes = b"") -> None:
        await self._store.say(head, await self._bodies.message(head, head.tenant, body))


def without_contradiction(settings: Settings) -> Settings:
    """R7: PermanentError `manual-and-automatic`, whichever of the two was set second."""
    if settings.contradicts:
        raise PermanentError("manual-and-automatic", MANUAL_AND_AUTOMATIC)
    return settings


def _refuse_manual(settings: Settings, source: str, *, automatic: bool) -> None:
    if automatic and settings.is_manual(source):
        raise PermanentError("manual-and-automatic", MANUAL_AND_AUTOMATIC)


def _commanded(kind: str, run: Run) -> AbstractContextManager[None]:
    """What a person or a schedule asks for begins in the run's trace."""
    return span(
        "command",
        trace_of=run_trace(run.tenant, run.run),
        kind=kind,
        tenant=run.tenant,
        run=run.run,
        revision=run.revision,
    )
