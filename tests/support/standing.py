"""What a story asks about what stands: the statement, the exit code, and HaloPSA itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chargeline.billing import Billed
from chargeline.report import exit_code
from oracle import standing_gaps
from schemas.statement import CurrencyStatement
from support import small
from support.sandboxes import money_on, ours_on
from support.whole import TENANT, Ran
from support.world import World, as_json

ITEMS = [small.item(1), small.of_bolt(2)]


def out(company: str) -> dict[str, Any]:
    return {"source": "pax8", "company": company, "exclude": True}


def to(company: str, client: int) -> dict[str, Any]:
    return {"source": "pax8", "company": company, "halo": client}


def usd(ran: Ran) -> CurrencyStatement:
    return ran.statement.currencies["USD"]


async def code_of(w: World, ran: Ran) -> int:
    return exit_code([Billed(ran.run, await w.statement(ran), await w.batches(ran), ())], 0)


async def stands(w: World) -> Decimal:
    return sum((money_on(ours_on(invoice)) for invoice in await w.invoices()), Decimal(0))


async def told(w: World) -> list[str]:
    """What the newest statements of all documents say otherwise than HaloPSA."""
    runs = {run.document: run.run for run in await w.system.gateway.queries.runs(TENANT)}
    shown = [await w.system.gateway.queries.statement(TENANT, run) for run in runs.values()]
    return standing_gaps(await w.halo_state(), [as_json(one) for one in shown])
