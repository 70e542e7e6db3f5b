"""Facts come in, slots fill, barriers fall, commands go out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from chassis.bodies import Bodies
from chassis.errors import TransientError
from chassis.parked import arrival_of
from chassis.records import Records
from chassis.service import Body
from gateway.counted import count_money
from gateway.domain import commands
from gateway.domain.matching import with_matches
from gateway.domain.projection import ParkedBatch, Projection
from gateway.domain.run import Stage
from gateway.events import about_batch
from gateway.looks import Looks
from gateway.received import received
from gateway.setups import Setups
from gateway.steps import Steps
from gateway.store import Store, Tenant
from schemas import frame
from schemas.charges import ItemChoices
from schemas.ids import digest
from schemas.messages import (
    BatchEntry,
    BatchHead,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    CompaniesMatched,
    Company,
    CompanyMatch,
    DocumentRead,
    DraftsRead,
    Hold,
    ItemsCreated,
    Parked,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)

_Matches = TypeAdapter(list[CompanyMatch])
_Holds = TypeAdapter(list[Hold])

_HOLDS_KEPT = 25


class _ReadBody(BaseModel):
    batches: list[BatchEntry] = []
    companies: list[Company] = []


class _Told(BatchHead):
    """Any message about a batch; `command` is what an answer of the poster answers."""

    command: object = "apply"  # anything: what nobody can read is parked, too

    @property
    def answers(self) -> str:
        """As `ParkedBatch` has it: a plan that is refused waits as one that never came."""
        if self.kind != "PostingRefused":
            return _ANSWERS.get(self.kind, "")
        return next((command for command in _ANSWERS.values() if command == self.command), "")


_ANSWERS = {"PostingDone": "apply", "PostingUndone": "undo"}
_OF_A_BATCH = set(BatchHead.model_fields) - {"kind", "body"}


class Handlers:
    """One `on_…` a fact."""

    def __init__(
        self, store: Store, steps: Steps, records: Records, bodies: Bodies, setups: Setups
    ) -> None:
        self._store = store
        self._steps = steps
        self._records = records
        self._bodies = bodies
        self._setups = setups
        self._looks = Looks(steps.go_on)

    async def on_drafts_read(self, head: DraftsRead, body: Body) -> None:
        def drafted(t: Tenant) -> Tenant:
            if head.revision <= t.drafted:
                return t
            news = {"drafts": head.snapshot, "draft_rows": head.rows_read}
            return t.model_copy(update={**news, "drafted": head.revision})

        await self._store.change_tenant(head.tenant, drafted)

    async def on_document_read(self, head: DocumentRead, body: Body) -> None:
        stored = await self._store.runs.get(head.tenant, head.run)
        if stored is None or stored.value.revision != head.revision:
            return
        run = stored.value
        if run.stage is not Stage.READING:
            await self._steps.go_on(head.tenant, head.run)
            return
        got = await received(self._records, head.tenant, head.document)
        run = run.model_copy(
            update={
                "document_date": head.document_date,
                "rows_read": head.rows_read,
                "rows_promised": head.rows_promised,
                "received": got,
                "problem": head.problem,
                "text": head.text,
                "batches": head.batches,
            }
        )
        if head.problem is not None:
            moved = await self._steps.end_held(stored, run)
        elif head.unmatched and not head.batches:
            companies = _ReadBody.model_validate_json(await body.load()).companies
            command = commands.match_companies(run, companies)
            keep = run.model_copy(update={"batches": None})
            moved = await self._steps.update_and_send(stored, keep, Stage.MATCHING, command)
        else:
            normalizing = run.model_copy(update={"stage": Stage.NORMALIZING})
            moved = await self._steps.move(stored, normalizing)
        _again_unless(moved, head.run)
        await self._steps.overtake(run)
        await self._steps.go_on(head.tenant, head.run)

    async def on_companies_matched(self, head: CompaniesMatched, body: Body) -> None:
        await self._setups.on_companies_matched(head, body)
        stored = await self._store.runs.get(head.tenant, head.run)
        if (
            stored is None
            or stored.value.revision != head.revision
            or stored.value.stage is not Stage.MATCHING
        ):
            return
        if head.problem is not None:
            failed = {"problem": head.problem, "text": head.text}
            moved = await self._steps.end_held(stored, stored.value.model_copy(update=failed))
            _again_unless(moved, head.run)
            return
        matches = _Matches.validate_json(await body.load() or b"[]")
        version = await self._store.change_settings(
            head.tenant, lambda s: with_matches(s, head.source, matches)
        )
        revision = await self._store.draw_revision(head.tenant)
        run = stored.value.model_copy(update={"revision": revision, "settings": version})
        command = commands.ingest(run, stored=True, match_first=False)
        moved = await self._steps.update_and_send(stored, run, Stage.READING, command)
        _again_unless(moved, head.run)

    async def on_charges_normalized(self, head: ChargesNormalized, body: Body) -> None:
        await self._take(head)

    async def on_charges_resolved(self, head: ChargesResolved, body: Body) -> None:
        proposals: dict[str, str] = {}
        if head.proposed:
            items, _ = frame.split(await body.load(), 2)
            choices = ItemChoices.validate_json(items)
            proposals = {k: c.name for k, c in choices.items() if c.proposed}
        await self._take(head, proposals=proposals)

    async def on_charges_held(self, head: ChargesHeld, body: Body) -> None:
        holds = tuple(_Holds.validate_json(await body.load() or b"[]"))
        await self._take(head, holds=holds[:_HOLDS_KEPT])

    async def on_posting(self, head: BatchHead, body: Body) -> None:
        """Planned, done, undone or refused: the head says all that the projection keeps.

        A plan that a person will look at is kept whole.
        """
        more: dict[str, Any] = {}
        if isinstance(head, PostingPlanned):
            run = await self._store.runs.get(head.tenant, head.run)
            if run is not None and not run.value.approve_plans:
                more["plan_body"] = await self._bodies.put(head.tenant, await body.load())
        await self._take(head, **more)
        if isinstance(head, PostingUndone):
            await self._store.undone_elsewhere(head)

    async def on_items_created(self, head: ItemsCreated, body: Body) -> None:
        stored = await self._store.runs.get(head.tenant, head.run)
        if stored is None or stored.value.revision != head.revision:
            return
        if stored.value.stage is Stage.CREATING:
            batches = await self._store.batches(head.tenant, head.run)
            command = commands.plan(stored.value, batches)
            moved = await self._steps.send(stored, Stage.PLANNING, command)
            _again_unless(moved, head.run)
        await self._steps.go_on(head.tenant, head.run)

    async def on_parked(self, notice: Parked, body: Body) -> None:
        """The money of a parked batch is held: what the bytes say of the batch tells which."""
        record = await self._records.get(notice.tenant, "parked", notice.parked)
        batch = batch_in(arrival_of(record).value) if record else None
        if batch is not None:
            parked = ParkedBatch(**batch, code=notice.code, text=notice.text)
            await self._take(parked)

    async def _take(self, fact: BatchHead, **more: Any) -> None:
        if isinstance(fact, ChargesHeld | ParkedBatch | PostingRefused):  # nobody has looked
            more["stood"] = await self._store.last_word(fact)

        def change(p: Projection) -> Projection:
            taken = p.take(fact)
            return taken.model_copy(update=more) if taken is not p and more else taken

        async with self._looks.after(fact.tenant, fact.run):
            taken = await self._store.take(
                digest(fact.run, fact.batch),
                fact.tenant,
                change,
                Projection(run=fact.run, batch=fact.batch),
                lambda before: about_batch(fact, before),
            )
            if taken:
                count_money(fact)


def _again_unless(moved: bool, run: str) -> None:  # noqa: FBT001 - what an update has answered
    """Somebody else changed the run meanwhile: the fact is handled again, on what stands now."""
    if not moved:
        raise TransientError("run-contended", f"run {run} was changed meanwhile")


def batch_in(value: bytes) -> dict[str, Any] | None:
    """The batch that a parked message is about, if its head can be read."""
    line, _ = frame.decode(value)
    try:
        told = _Told.model_validate_json(line)
    except ValueError:
        return None
    return {**told.model_dump(include=_OF_A_BATCH), "answers": told.answers}
