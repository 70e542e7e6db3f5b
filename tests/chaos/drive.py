"""What a person or a schedule does with the system: steps that can be begun again at any time."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chargeline.system import System
from chassis.errors import PermanentError
from gateway.domain.run import Run, Stage
from schemas.settings import Settings

TENANT = "msp"
SOURCE = "pax8"
PATIENCE_S = 4 * 3600.0


class Stuck(AssertionError):  # noqa: N818 - named for what happened
    """Nothing speaks against it, and it does not end."""


def settings_of(raw: dict[str, Any]) -> Settings:
    """The settings file without its credentials."""
    raw = copy.deepcopy(raw)
    for vendor in ("halopsa", "pax8"):
        for name in ("client_id", "client_secret"):
            raw.get(vendor, {}).pop(name, None)
    return Settings.model_validate(raw)


async def set_up(system: System, raw: dict[str, Any]) -> None:
    """Credentials and settings, keeping the decisions that a rule has made."""
    for vendor in ("pax8", "halopsa"):
        await system.seal(TENANT, vendor, "chaos", "secret")
    wanted = settings_of(raw)

    def change(now: Settings) -> Settings:
        known = {(row.source, row.company, row.subscription) for row in wanted.client}
        kept = tuple(
            row
            for row in now.client
            if (row.source, row.company, row.subscription) not in known
            and row.evidence in ("external id", "exact name")
        )
        return wanted.model_copy(update={"client": (*wanted.client, *kept)})

    await system.gateway.runs.change_settings(TENANT, change)


async def until(
    system: System, reached: Callable[[], Awaitable[bool]], patience_s: float = PATIENCE_S
) -> None:
    """Look, at longer and longer intervals."""
    wait_s, waited_s = 0.05, 0.0
    while not await reached():
        if waited_s > patience_s:
            raise Stuck(f"nothing came of it in {patience_s:.0f} s")
        await system.options.clock.sleep(wait_s)
        waited_s += wait_s
        wait_s = min(wait_s * 1.5, 10.0)


async def run_of(system: System, document: str) -> Run | None:
    """The newest run over the document."""
    runs = [r for r in await system.gateway.queries.runs(TENANT) if r.document == document]
    return max(runs, key=lambda r: r.revision) if runs else None


async def listed(system: System, patience_s: float = PATIENCE_S) -> list[str]:
    """The documents that the source has, oldest first."""
    asked = await system.gateway.runs.list_documents(TENANT, SOURCE)

    async def answered() -> bool:
        return (await system.gateway.queries.tenant(TENANT)).listed >= asked

    await until(system, answered, patience_s)
    found = (await system.gateway.queries.tenant(TENANT)).documents
    return [d.document for d in sorted(found, key=lambda d: (d.date, d.document))]


async def bill(
    system: System,
    document: str,
    *,
    again: bool = False,
    approve: bool = True,
    patience_s: float = PATIENCE_S,
) -> Run:
    """Have the document billed by its run, or by that run once more; wait until it has ended."""
    run = await run_of(system, document)
    if run is None or (again and run.problem is not None):  # what was not read is read anew
        await system.gateway.runs.start(
            TENANT, SOURCE, document, approve_items=True, approve_plans=approve
        )
    elif again:
        await ended(system, document, patience_s)
        await _once_more(system, run.run, approve=approve)
    return await ended(system, document, patience_s)


async def _once_more(system: System, run: str, *, approve: bool) -> None:
    try:
        await system.gateway.runs.again(TENANT, run, approve_items=True, approve_plans=approve)
    except PermanentError as refused:
        if refused.code != "run-applying":
            raise


async def ended(system: System, document: str, patience_s: float = PATIENCE_S) -> Run:
    """Wait until the document's run ended or waits for a person."""
    found = await run_of(system, document)
    assert found is not None, "a run was started"
    run = found

    async def rests() -> bool:
        return not await system.gateway.queries.waiting(TENANT, run.run)

    await until(system, rests, patience_s)
    return await system.gateway.queries.run(TENANT, run.run)


async def approve(system: System, document: str) -> None:
    """What was planned is applied."""
    run = await ended(system, document)
    if run.stage is Stage.PLANNED:
        await system.gateway.runs.approve(TENANT, run.run)
    await ended(system, document)


async def undo(
    system: System, document: str, only: Sequence[str] = (), patience_s: float = PATIENCE_S
) -> bool:
    """Take back what the document's run has posted, all or these batches; False: nothing was."""
    run = await ended(system, document, patience_s)
    try:
        revision, plans = await system.gateway.runs.undo(TENANT, run.run, only)
    except PermanentError as nothing:
        if nothing.code != "nothing-to-undo":
            raise
        return False

    async def answered() -> bool:
        return await system.gateway.queries.undone(TENANT, run.run, revision, plans)

    await until(system, answered, patience_s)
    return True
