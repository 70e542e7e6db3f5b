"""Histories in which HaloPSA confirms one thing and keeps another: they must not end balanced.

The destination is wrong here by design, so what is judged is that the system says so and names the
same line as the oracle does.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import oracle
from chaos import operations, world
from chaos.drive import TENANT, approve, bill, listed, run_of, set_up
from chaos.history import History, Outcome
from chargeline.system import System
from sandbox.halopsa import documents
from schemas.statement import Statement
from support.simulated import CALM, simulated_loop

KINDS = ("alter_line", "drop_line", "double_line", "quantity_to_one", "truncate_page", "moved")

SPREAD = 10  # every tenth seed is played here


def play(seed: int, folder: Path) -> Outcome:
    """One spoilt write or page; what goes unnoticed is `unbalanced`."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),
            asyncio.Runner(loop_factory=simulated_loop) as runner,
        ):
            return runner.run(_play(seed, folder / "data"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _play(seed: int, folder: Path) -> Outcome:
    rng = Random(f"noticed {seed}")
    kind = KINDS[seed // SPREAD % len(KINDS)]
    if kind == "moved":
        return await _moved(History(seed, folder, "latest"))
    history = History(seed, folder, rng.choice(("new", "latest", "recurring")))
    history.world.later = None
    history.hazards = CALM
    outcome = history.outcome
    vendor, path, method = "halopsa", _path(history.world.behaviour), "POST"
    fault = {"kind": kind, "after": rng.choice((0, 0, 1, 3))}
    if kind == "truncate_page":
        vendor, path, method = "pax8", "/invoices", "GET"
        fault |= {"times": -1, "after": 0, "consistent": False}
        path = "/invoices/{id}/items"
    if kind == "alter_line":
        fault["amount"] = rng.choice(("1.00", "-0.50", "0.01"))
    history.app.vendors[vendor].front.faults.add(fault | {"path": path, "method": method})
    document = history.world.documents[0]
    shown: list[Statement] = []

    async def work(system: System) -> None:
        await set_up(system, history.world.settings)
        await listed(system)
        run = await bill(system, document)
        found = await run_of(system, document)
        assert found is not None, "a run was started"
        if run.problem is None:
            shown.append(await system.gateway.queries.statement(TENANT, run.run))
        else:
            outcome.story.append(str(run.problem))

    await history.step("bill", work)
    fired = history.app.vendors[vendor].front.faults.fired().get(kind, 0)
    outcome.fired = Counter({(kind, f"{method} {path}"): fired})
    verdict = oracle.judge(
        history.world.file(), history.world.settings, world.state_of(history.app)
    )
    if fired and kind == "truncate_page":
        wrong = verdict.faults[0] if verdict.faults else "no line is missing"
        outcome.unbalanced += [f"{kind}: billed all the same; {wrong}"] if shown else []
    elif fired:
        outcome.unbalanced += _unnoticed(kind, verdict, shown)
    outcome.trace, outcome.events = history.machine.trace.hexdigest(), history.machine.events
    return outcome


async def _moved(history: History) -> Outcome:
    """Between plan and approval another invoice becomes the latest: nothing may go onto it."""
    history.world.later = None
    history.hazards = CALM
    outcome, document = history.outcome, history.world.documents[0]

    async def planned(system: System) -> None:
        await set_up(system, history.world.settings)
        await listed(system)
        await bill(system, document, approve=False)

    await history.step("plan", planned)
    made = [_newer(history, row) for row in history.world.load["halopsa"]["invoices"]]
    await history.step("approve", lambda system: approve(system, document))
    for row in world.state_of(history.app)["invoices"]:
        for line in row["lines"] if int(row["id"]) in made else ():
            if stamp := oracle.stamp_of(line):
                text = f"moved: {stamp} went onto invoice {row['id']}, which nobody approved"
                outcome.unbalanced.append(text)
    outcome.fired = Counter({("moved", "between plan and apply"): len(made)})
    outcome.trace, outcome.events = history.machine.trace.hexdigest(), history.machine.events
    return outcome


def _newer(history: History, row: dict[str, Any]) -> int:
    tenant = operations.tenant_of(history.app)
    sent = {"client_id": row["client_id"], "currency_code": row["currency_code"], "lines": []}
    return int(documents.written(tenant, "invoices", sent, None)["id"])


def _unnoticed(kind: str, verdict: oracle.Verdict, shown: list[Statement]) -> list[str]:
    """What the oracle sees and the system did not say."""
    if not verdict.faults:
        return [f"{kind}: the oracle sees nothing wrong"]
    statement = shown[0]
    amounts = [
        side.unexplained or Decimal(0)
        for currency in statement.currencies.values()
        for side in (currency.price, currency.cost)
    ]
    problems = []
    if not any(amounts):
        problems.append(f"{kind}: nothing is unexplained, and {verdict.faults[0]}")
    if not statement.unexplained_lines:
        problems.append(f"{kind}: no line is named, and {verdict.faults[0]}")
    named = {d.line for d in statement.unexplained_lines}
    seen = " ".join(str(f) for f in verdict.faults)
    if kind != "drop_line" and named and not any(line in seen for line in named):
        problems.append(f"{kind}: {sorted(named)} is named, and {verdict.faults[0]}")
    return problems


def _path(behaviour: world.Behaviour) -> str:
    return "/RecurringInvoice" if behaviour == "recurring" else "/Invoice"
