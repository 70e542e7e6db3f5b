"""The run's state machine: facts in, next command out. It alone knows the barriers.

    reading ─▶ matching* ─▶ normalizing ─▶ resolving ─▶ items** ─▶ creating** ─▶ planning
            ─▶ planned (waits for approval) ─▶ applying ─▶ ended

    *  only when a company is unknown     **  only when items are proposed

A barrier falls when every batch that DocumentRead promised has passed it. The counts come from the
projection, one record a batch, so facts may arrive in any order, twice, on any replica.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from schemas.money import Amount


class Stage(StrEnum):
    """Where a run stands."""

    READING = "reading"
    MATCHING = "matching"
    NORMALIZING = "normalizing"
    RESOLVING = "resolving"
    ITEMS = "items"  # proposed items wait for approval
    CREATING = "creating"
    PLANNING = "planning"
    PLANNED = "planned"  # waits for approval
    APPLYING = "applying"
    ENDED = "ended"


class Progress(StrEnum):
    """How far one batch has come at the run's revision."""

    NORMALIZED = "normalized"
    RESOLVED = "resolved"
    HELD = "held"  # lifecycle or the plan holds it: nothing to apply
    PLANNED = "planned"
    DONE = "done"  # applied and read back, or refused; or that answer is parked


class Counts(BaseModel):
    """Batches of the run at its revision, by progress."""

    model_config = ConfigDict(frozen=True)

    normalized: int = 0
    resolved: int = 0
    held: int = 0
    planned: int = 0
    done: int = 0

    def at_least(self, progress: Progress) -> int:
        """Batches that have come that far; a held batch has passed every barrier."""
        order = [Progress.NORMALIZED, Progress.RESOLVED, Progress.PLANNED, Progress.DONE]
        later = order[order.index(progress) :]
        return sum((int(getattr(self, p.value)) for p in later), self.held)


class ReceivedSum(BaseModel):
    """What the stored vendor bytes of a document add up to, in one currency."""

    model_config = ConfigDict(frozen=True)

    lines: int
    price: Amount
    cost: Amount


class FirstApproval(BaseModel):
    """One person's word for one plan; it waits for somebody else's."""

    model_config = ConfigDict(frozen=True)

    by: str
    hash: str


class Run(BaseModel):
    """One pass over one document, as the gateway keeps it."""

    model_config = ConfigDict(frozen=True)

    run: str
    tenant: str
    source: str
    document: str
    revision: int
    settings: str
    connection: str
    stage: Stage = Stage.READING
    approve_items: bool = False  # proposed items may be made without asking
    approve_plans: bool = False  # planned batches may be applied without asking
    automatic: bool = False  # R17: approve only what nothing speaks against
    canary: int = 1
    batches: int | None = None
    problem: str | None = None
    text: str = ""
    document_date: str = ""
    rows_read: int = 0
    rows_promised: int = 0
    approved: int = 0  # batches that were sent to be applied at this revision
    replanned: int = 0  # times a `moved` plan was made again without a person
    selection: tuple[str, ...] = ()  # the terms of what is planned (R13); empty: everything
    planned_by: str = ""  # the person who asked for this pass; empty: a schedule
    first_approvals: dict[str, FirstApproval] = {}  # by batch: what waits for a second person
    received: dict[str, ReceivedSum] = {}
    started_at: str = ""

    @property
    def at_barrier(self) -> bool:
        """False: no count of batches takes it further, so nobody needs to count them."""
        return self.batches is not None and self.stage in (
            Stage.NORMALIZING,
            Stage.RESOLVING,
            Stage.PLANNING,
            Stage.APPLYING,
        )

    @property
    def period(self) -> str:
        """The month of the document's date (R22)."""
        return self.document_date[:7]


class Barrier(StrEnum):
    """What the run may do next; None of them while a barrier stands."""

    RESOLVE = "resolve"
    ASK_ITEMS = "ask-items"
    CREATE_ITEMS = "create-items"
    PLAN = "plan"
    ASK_PLANS = "ask-plans"
    APPLY = "apply"
    WAIT_REST = "wait-rest"  # what was approved is done, the rest waits for a person
    END = "end"


def fallen(  # noqa: PLR0911 - one return a barrier
    run: Run, counts: Counts, *, proposed: bool
) -> Barrier | None:
    """The barrier that has fallen and was not acted upon yet, if any. `proposed`: items to make."""
    n = run.batches
    if n is None:
        return None
    through = {p: counts.at_least(p) >= n for p in Progress if p is not Progress.HELD}
    all_held = counts.held >= n
    match run.stage:
        case Stage.NORMALIZING if through[Progress.NORMALIZED]:
            return Barrier.RESOLVE if n else Barrier.END
        case Stage.RESOLVING if through[Progress.RESOLVED]:
            return Barrier.END if all_held else _after_resolving(run, proposed=proposed)
        case Stage.PLANNING if through[Progress.PLANNED]:
            goes_on = run.approve_plans or run.automatic
            return Barrier.END if all_held else Barrier.APPLY if goes_on else Barrier.ASK_PLANS
        case Stage.APPLYING if through[Progress.DONE]:
            return Barrier.END
        case Stage.APPLYING if counts.done >= run.approved:
            return Barrier.WAIT_REST
        case _:
            return None


def _after_resolving(run: Run, *, proposed: bool) -> Barrier:
    if not proposed:
        return Barrier.PLAN
    return Barrier.CREATE_ITEMS if run.approve_items or run.automatic else Barrier.ASK_ITEMS
