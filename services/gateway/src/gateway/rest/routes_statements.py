"""The statement as a spreadsheet and as a page to print."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, PlainTextResponse

from gateway.rest.api import Reader
from gateway.statement_shown import as_csv, as_html

router = APIRouter(tags=["statements"])

RunId = Annotated[str, Path(max_length=128)]
# The page has its own style and nothing else: no script, no address.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@router.get("/tenants/{tenant}/runs/{run}/statement.csv", response_class=PlainTextResponse)
async def statement_csv(caller: Reader, run: RunId) -> PlainTextResponse:
    """One row a figure and reason, exact decimals."""
    statement = await caller.api.gateway.queries.statement(caller.tenant, run)
    named = {"Content-Disposition": f'attachment; filename="statement-{statement.period}.csv"'}
    return PlainTextResponse(as_csv(statement), media_type="text/csv", headers=named)


@router.get("/tenants/{tenant}/runs/{run}/statement.html", response_class=HTMLResponse)
async def statement_page(caller: Reader, run: RunId) -> HTMLResponse:
    """The bridge from received to posted, on one sheet."""
    statement = await caller.api.gateway.queries.statement(caller.tenant, run)
    settings = await caller.api.gateway.queries.settings(caller.tenant)
    page = as_html(statement, settings.tenant.name)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})
