"""Ready to invoice: what runs have planned and not applied, a row a batch, and all of it at once.

`seen` names exactly the plans of a list: who approves by it approves what was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from gateway.domain import commands
from gateway.domain.approval import Approval
from gateway.domain.projection import Projection, entries_of
from gateway.domain.run import Progress, Run, Stage
from gateway.runs import Runs
from gateway.store import Store
from schemas.ids import digest
from schemas.messages import ChargesResolved, PostingPlanned
from schemas.money import ZERO, Amount
from schemas.statement import Entry, Outcome

type ReadyState = Literal["ready", "second-approval", "held"]


class ReadyRow(BaseModel):
    """One batch. `price` and `cost` are what applying would have standing; `margin` is between.

    `second-approval`: somebody approved it, another person has to. `held`: it waits for `code`.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    source: str
    document: str
    period: str
    batch: str
    bill_to: str
    client: int | None = None
    client_name: str = ""
    currency: str
    state: ReadyState
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO
    margin: Amount = ZERO
    held: Amount = ZERO
    dropped: Amount = ZERO
    operations: int = 0
    plan: str | None = None
    hash: str | None = None
    approved_by: str | None = None
    warnings: tuple[str, ...] = ()
    code: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Filter:
    """Which rows. `min_amount` is compared with the price in the row's own currency."""

    client: int | None = None
    source: str | None = None
    state: ReadyState | None = None
    min_amount: Decimal | None = None
    search: str = ""

    def shows(self, row: ReadyRow) -> bool:
        """True for a row that all that is set lets through; without a state what is held is not."""
        words = f"{row.client_name} {row.bill_to} {row.document} {row.batch} {row.period}"
        return (
            (row.state != "held" if self.state is None else row.state == self.state)
            and self.client in (None, row.client)
            and self.source in (None, row.source)
            and (self.min_amount is None or abs(row.price) >= self.min_amount)
            and self.search.casefold() in words.casefold()
        )


class Sum(BaseModel):
    """What rows of one currency come to."""

    rows: int
    price: Amount
    cost: Amount


class GeneratedRun(BaseModel):
    """What became of one run: plans sent, plans that wait for a second person, or why neither."""

    run: str
    sent: int = 0
    waits: int = 0
    code: str | None = None
    text: str = ""


class Ready:
    """Over the newest run of each document."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    async def rows(self, tenant: str, wanted: Filter) -> list[ReadyRow]:
        """Largest amount first."""
        found: list[ReadyRow] = []
        for run in await self._store.newest_runs(tenant):
            if run.stage is Stage.PLANNED or wanted.state == "held":
                found += await self._of_run(run)
        shown = [row for row in found if wanted.shows(row)]
        return sorted(shown, key=lambda row: (-abs(row.price), row.client_name, row.batch))

    async def generate(
        self, tenant: str, wanted: Filter, seen: str, approval: Approval
    ) -> list[GeneratedRun]:
        """Approve and apply every plan of the list that was seen, run by run.

        PermanentError `ready-changed` when the filters show anything else by now; nothing is done
        then. A run that refuses does not keep the others.
        """
        rows = [row for row in await self.rows(tenant, wanted) if row.state != "held"]
        if seen != seen_of(rows):
            raise PermanentError("ready-changed", "the list is not what was seen: read it again")
        plans: dict[str, dict[str, str]] = {}
        for row in rows:
            plans.setdefault(row.run, {})[row.batch] = row.hash or ""
        if not plans:
            raise PermanentError("nothing-to-apply", "nothing that these filters show is ready")
        return [
            await self._approve(
                tenant, run, Approval(by=approval.by, canary=approval.canary, seen=plans[run])
            )
            for run in sorted(plans)
        ]

    async def _approve(self, tenant: str, run: str, approval: Approval) -> GeneratedRun:
        try:
            said = await self._runs.approve_as(tenant, run, approval)
        except PermanentError as refused:
            return GeneratedRun(run=run, code=refused.code, text=refused.text)
        return GeneratedRun(run=run, sent=said.sent, waits=said.waits)

    async def _of_run(self, run: Run) -> list[ReadyRow]:
        batches = await self._store.batches(run.tenant, run.run)
        ready = commands.appliable(run, batches) if run.stage is Stage.PLANNED else []
        current = [p for p in batches if p.revision == run.revision]
        held = [p for p in current if p.parked_last or p.progress() is Progress.HELD]
        return [_ready(run, p) for p in ready] + [_held(run, p) for p in held]


def seen_of(rows: Iterable[ReadyRow]) -> str:
    """The same for the same plans, in whatever order they are shown."""
    return digest("ready", *sorted(f"{row.run} {row.batch} {row.plan} {row.hash}" for row in rows))


def sums_of(rows: Iterable[ReadyRow]) -> dict[str, Sum]:
    """By currency."""
    found: dict[str, list[ReadyRow]] = {}
    for row in rows:
        found.setdefault(row.currency, []).append(row)
    return {
        currency: Sum(
            rows=len(several),
            price=sum((row.price for row in several), ZERO),
            cost=sum((row.cost for row in several), ZERO),
        )
        for currency, several in sorted(found.items())
    }


def _ready(run: Run, p: Projection) -> ReadyRow:
    planned = p.planned
    assert planned is not None, "it can be applied"
    first = run.first_approvals.get(p.batch)
    approved = first is not None and first.hash == planned.hash
    return _row(run, p, "second-approval" if approved else "ready").model_copy(
        update={
            "plan": planned.plan,
            "hash": planned.hash,
            "operations": planned.operations,
            "approved_by": first.by if first is not None and approved else None,
        }
    )


def _held(run: Run, p: Projection) -> ReadyRow:
    r = run.revision
    facts = (p.at(r, slot) for slot in ("refused", "held", "planned"))
    why = next((fact for fact in (p.parked_last, *facts) if fact is not None), None)
    said = {"code": getattr(why, "code", None), "text": getattr(why, "text", "")}
    return _row(run, p, "held").model_copy(update=said)


def _row(run: Run, p: Projection, state: ReadyState) -> ReadyRow:
    r, entries = run.revision, entries_of(p)
    head = p.at(r, "normalized") or p.at(r, "parked")
    assert head is not None, "a batch of the run has come in"
    resolved, planned = p.at(r, "resolved"), p.at(r, "planned")
    goes = [e for e in entries if e.outcome in ("pending", "posted")]
    price, cost = (sum((getattr(e, s) for e in goes), ZERO) for s in ("price", "cost"))
    known = planned or resolved
    named = known or p.at(r, "held")
    return ReadyRow(
        run=run.run,
        source=run.source,
        document=run.document,
        period=run.period,
        batch=p.batch,
        bill_to=head.bill_to,
        client=known.client if known else None,
        client_name=named.client_name if named else "",
        currency=head.currency,
        state=state,
        lines=head.lines,
        price=price,
        cost=cost,
        margin=price - cost,
        held=_sum_of(entries, "held"),
        dropped=_sum_of(entries, "dropped"),
        warnings=_warnings(resolved, planned),
    )


def _sum_of(entries: Sequence[Entry], outcome: Outcome) -> Decimal:
    return sum((e.price for e in entries if e.outcome == outcome), ZERO)


def _warnings(*facts: ChargesResolved | PostingPlanned | None) -> tuple[str, ...]:
    return tuple(w for fact in facts if fact is not None for w in fact.warnings)
