"""One look at the destination (R18): invoices of the window, and recurring ones if any is used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from chassis.errors import PermanentError
from chassis.service import JobRun
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Posting
from poster_halo.tools import Tools
from poster_halo.translate import Reader
from schemas.settings import Settings
from vendors.calls import side_by_side
from vendors.halopsa import Halo, HaloInvoice


class Look:
    """What one job sees, shared by all its batches."""

    def __init__(self, halo: Halo, reader: Reader, observed: Observed, settings: Settings) -> None:
        self.halo = halo
        self.observed = observed
        self.settings = settings
        self._reader = reader

    def document(self, invoice: HaloInvoice) -> Document:
        """In our words."""
        return self._reader.document(invoice)

    async def read(self, number: int) -> Document | None:
        """One document now, whatever a list said."""
        found = await (
            self.halo.recurring_invoice(number) if number < 0 else self.halo.invoice(number)
        )
        return self._reader.document(found) if found is not None else None


async def look(
    tools: Tools, job: JobRun, settings: Settings, since: date, *, recurring: bool
) -> Look:
    """List once, match here: every row of the window is looked at, filters are not trusted."""
    halo = await tools.open_halo(job, settings)
    currencies: dict[str, int] = {}
    control: dict[str, Any] = {}
    listed: list[HaloInvoice] = []

    async def name_currencies() -> None:
        currencies.update({row.code: row.id for row in await halo.currencies() if row.code})

    async def list_invoices() -> None:
        listed.extend(await halo.invoices(since))
        if recurring:
            listed.extend(await halo.recurring_invoices())

    async def ask_control() -> None:
        control.update(await _control(halo))

    await side_by_side([name_currencies(), list_invoices(), ask_control()])
    reader = Reader.of(settings.halopsa, currencies)
    observed = Observed(
        today=tools.clock.today(settings.tenant.timezone),
        since=since,
        currencies=currencies,
        control=control,
    )
    observed.add(map(reader.document, listed))
    return Look(halo, reader, observed, settings)


async def _control(halo: Halo) -> dict[str, Any]:
    """The tenant's own settings, if we may read them: unknown counts as closed."""
    try:
        return await halo.control()
    except PermanentError as refused:
        if refused.code in ("halopsa-right-missing", "halopsa-missing"):
            return {}
        raise


def window_start(
    today: date, settings: Settings, days: Iterable[str], postings: Iterable[Posting]
) -> date:
    """Far enough back for everything that a posting of these documents can stand on."""
    candidates = [today - timedelta(days=settings.halopsa.look_days)]
    candidates += [date.fromisoformat(day) for day in days if day]
    candidates += [date.fromisoformat(part.date) for p in postings for part in p.parts if part.date]
    return min(candidates)
