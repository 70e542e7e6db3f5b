"""A generated month, billed, and what explain makes of it."""

from __future__ import annotations

from chargeline.explain import DocumentExplained, Explain
from chargeline.system import System
from sandbox.generate import Month
from support.whole import TENANT, Ran, Whole


async def billed(whole: Whole, system: System, month: Month, *, resolved: bool = False) -> Ran:
    await whole.vendors.load("pax8", month.pax8)
    await whole.vendors.load("halopsa", month.halopsa)
    await whole.set_up(system, month.resolved_settings() if resolved else month.settings)
    [document] = await whole.documents(system)
    return await whole.bill(system, document)


async def explained(system: System, ran: Ran) -> DocumentExplained:
    explain = Explain(system.store.records)
    return await explain.document(TENANT, ran.run.document, ran.run.settings)
