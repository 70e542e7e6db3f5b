"""Explain: what became of a source line, and why, recomputed from its stored bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from chassis.errors import PermanentError
from gateway.domain.run import Run
from gateway.explaining import Explains
from gateway.rest.api import Caller, Reader
from gateway.rest.paging import Cursor, Limit, Page, page_of
from schemas.explained import LineExplained, Outcome

router = APIRouter(tags=["explain"])

RunId = Annotated[str, Path(max_length=128)]
LINES_MAX = 20_000  # recomputed while other callers wait: more is for the command line


@router.get("/tenants/{tenant}/runs/{run}/lines")
async def explain_run(
    caller: Reader,
    run: RunId,
    outcome: Annotated[Outcome | None, Query(description="Only lines that ended so.")] = None,
    batch: Annotated[str | None, Query(max_length=128)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LineExplained]:
    """Every line of the run's document, in its order, then the merged ones."""
    found = _explainable(await caller.api.gateway.queries.run(caller.tenant, run))
    told = await _explains(caller).document(caller.tenant, found)
    rows = [
        line
        for line in (*told.lines, *told.merged)
        if outcome in (None, line.outcome) and batch in (None, line.batch)
    ]
    return page_of(rows, lambda line: line.line, cursor, limit)


@router.get("/tenants/{tenant}/lines/{line}")
async def explain_line(
    caller: Reader,
    line: Annotated[str, Path(max_length=128)],
    document: Annotated[
        str | None, Query(max_length=200, description="Its document; without it the newest ones.")
    ] = None,
) -> LineExplained:
    """One line from the distributor's figures to the customer's invoice: each rule, and why."""
    explains = _explains(caller)
    runs = await caller.api.gateway.queries.newest_runs(caller.tenant)
    asked = [run for run in runs if document in (None, run.document)]
    if document is not None:
        asked = [_explainable(run) for run in asked]
    return await explains.line(
        caller.tenant, line, [run for run in asked if run.rows_read <= LINES_MAX]
    )


def _explainable(run: Run) -> Run:
    if run.rows_read > LINES_MAX:
        raise PermanentError(
            "explain-too-large",
            f"the document has {run.rows_read} lines: `chargeline explain` takes any number",
        )
    return run


def _explains(caller: Caller) -> Explains:
    explains = caller.api.explains
    if explains is None:
        raise PermanentError(
            "explain-elsewhere",
            "this process explains nothing: `chargeline explain` does, over the same store",
        )
    return explains
