"""One batch while it is applied: its plan, its posting, and what its operations put where."""

from __future__ import annotations

from dataclasses import dataclass, field

from chassis.errors import PermanentError
from chassis.table import Stored
from poster_halo.domain.amounts import Amounts
from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import OurLine
from poster_halo.domain.postings import Part, PostedLines, Posting
from poster_halo.domain.shape import Operation, Plan
from poster_halo.store import KeptBatch, PlanRecord
from schemas.ids import reference_prefix
from schemas.messages import ApprovedPlan


@dataclass
class Work:
    """`hash` is the plan's as applied; `refused` ends the batch after what was written is read.

    `stored` is the posting as this job read or wrote it last, None if there was none to read.
    """

    approved: ApprovedPlan
    record: PlanRecord
    kept: KeptBatch
    posting: Posting
    plan: Plan
    hash: str = ""
    stored: Stored[Posting] | None = None
    refused: PermanentError | None = None
    goes: bool = False  # it may be written: the destination has not moved
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.approved.batch


def new_posting(kept: KeptBatch, plan: str) -> Posting:
    """Nothing stands yet."""
    head = kept.head
    return Posting(
        plan=plan,
        batch=head.batch,
        connection=head.connection,
        source=head.source,
        document=head.document,
        bill_to=head.bill_to,
        currency=head.currency,
        content=head.content,
        prefix=reference_prefix(head.tenant, head.source, head.document),
    )


def of_batch(posting: Posting, kept: KeptBatch, fence: int) -> Posting:
    """The posting under the batch as it is now."""
    head = kept.head
    return posting.model_copy(
        update={
            "content": head.content,
            "count": head.lines,
            "run": head.run,
            "settings": head.settings,
            "revision": head.revision,
            "client": head.bill_client or head.client,
            "day": head.document_date[:10],
            "fence": fence,
            "merged_at": head.lines_at if kept.collapses else None,
        }
    )


def expected_lines(plan: Plan, operation: Operation) -> list[Desired]:
    """Every line of the batch that must stand on the operation's document after it."""
    wanted = [change.want for change in operation.changes if change.want is not None]
    if operation.target is None:
        return wanted
    there = {one.ext for one in operation.target.ours}
    ids = {want.id for want in wanted}
    standing = plan.standing
    wanted.extend(
        line
        for line in plan.lines
        if line.id not in ids and line.id in standing and standing[line.id].ext in there
    )
    return wanted


def as_sent(lines: list[Desired]) -> PostedLines:
    """What a write is expected to put there."""
    return {line.id: (0, *line.sold.figures[:3]) for line in lines}


def as_read(found: dict[str, list[OurLine]]) -> PostedLines:
    """What the read-back shows."""
    spelled: dict[Amounts, tuple[str, str, str]] = {}
    lines: PostedLines = {}
    for line, there in found.items():
        if not there:
            continue
        one = there[0]
        words = spelled.get(one.amounts)
        if words is None:
            words = spelled[one.amounts] = one.amounts.spelled()[:3]
        lines[line] = (one.ext, *words)
    return lines


def expected_of(part: Part, plan: Plan) -> list[Desired]:
    """The lines of the batch that a stored part was to put there."""
    return [line for line in plan.lines if line.id in part.lines]


def left_of(work: Work) -> list[Operation]:
    """What is still to be written of the batch."""
    written = {part.key for part in work.posting.parts if part.state in ("sent", "posted")}
    return [operation for operation in work.plan.operations if operation.digest not in written]
