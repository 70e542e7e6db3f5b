"""The commands that a run's next step consists of: heads with their bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter

from gateway.domain.projection import Projection
from gateway.domain.run import Progress, Run
from schemas.messages import (
    ApplyRun,
    ApprovedPlan,
    BatchEntry,
    Company,
    CreateItems,
    Head,
    IngestDocument,
    MatchCompanies,
    PlanRun,
    ResolveRun,
    UndoPostings,
)

Command = tuple[Head, bytes]

_Batches = TypeAdapter(list[BatchEntry])
_Companies = TypeAdapter(list[Company])
_Plans = TypeAdapter(list[ApprovedPlan])
_Strings = TypeAdapter(list[str])


def ingest(run: Run, *, stored: bool, match_first: bool) -> Command:
    """Read the document, or form its batches again from the stored pages."""
    return IngestDocument(**_head(run), stored=stored, match_first=match_first), b""


def match_companies(run: Run, companies: Sequence[Company]) -> Command:
    """Ask which clients these companies are."""
    head = MatchCompanies(**_head(run), connection=run.connection)
    return head, _Companies.dump_json(list(companies))


def resolve(run: Run, projections: Iterable[Projection]) -> Command:
    """Find client and items of every batch."""
    return ResolveRun(**_head(run), connection=run.connection), _entries(run, projections)


def create_items(run: Run, keys: Iterable[str]) -> Command:
    """Make the items that were proposed."""
    head = CreateItems(**_head(run), connection=run.connection)
    return head, _Strings.dump_json(sorted(set(keys)))


def plan(run: Run, projections: Iterable[Projection]) -> Command:
    """Plan every batch whose client and items are known, as far as the run selects it."""
    ready = [p for p in projections if p.at(run.revision, "resolved")]
    head = PlanRun(**_head(run), connection=run.connection)
    return head, _entries(run, ready, run.selection)


def appliable(run: Run, projections: Iterable[Projection]) -> list[Projection]:
    """Batches whose plan nothing holds and that were not applied yet."""
    return [
        p
        for p in sorted(projections, key=lambda p: p.batch)
        if p.revision == run.revision and p.progress() is Progress.PLANNED
    ]


def apply(run: Run, projections: Iterable[Projection]) -> Command:
    """Apply exactly these plans."""
    plans = [
        ApprovedPlan(batch=p.batch, plan=p.planned.plan, hash=p.planned.hash)
        for p in projections
        if p.planned is not None
    ]
    head = ApplyRun(**_head(run), connection=run.connection, canary=run.canary)
    return head, _Plans.dump_json(plans)


def undo(run: Run, plans: Iterable[str], revision: int) -> Command:
    """Take posted plans back."""
    head = UndoPostings(**{**_head(run), "revision": revision}, connection=run.connection)
    return head, _Strings.dump_json(sorted(plans))


def _head(run: Run) -> dict[str, Any]:
    return {
        "tenant": run.tenant,
        "run": run.run,
        "revision": run.revision,
        "settings": run.settings,
        "source": run.source,
        "document": run.document,
    }


def _entries(run: Run, projections: Iterable[Projection], selection: tuple[str, ...] = ()) -> bytes:
    entries = [
        BatchEntry(
            batch=p.batch,
            content=fact.content,
            revision=fact.revision,
            bill_to=fact.bill_to,
            currency=fact.currency,
            lines=fact.lines,
            selection=selection,
        )
        for p in sorted(projections, key=lambda p: p.batch)
        if (fact := p.at(run.revision, "normalized")) is not None
    ]
    return _Batches.dump_json(entries)
