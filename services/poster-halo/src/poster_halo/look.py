"""One look at the destination (R18): invoices of the window, and recurring ones if any is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chassis.errors import PermanentError
from chassis.service import JobRun
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Posting
from poster_halo.tools import Tools
from poster_halo.translate import Reader
from schemas.ids import reference_prefix
from schemas.messages import ChargesResolved
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


@dataclass(frozen=True, slots=True)
class Scope:
    """What a look is to see: invoices dated from a day on, perhaps recurring ones.

    `search` is what HaloPSA may narrow them to; empty for all.
    """

    since: date
    recurring: bool
    search: str = ""

    @classmethod
    def of(
        cls,
        heads: Sequence[ChargesResolved],
        postings: Sequence[Posting],
        settings: Settings,
        today: date,
    ) -> Scope:
        """For batches of one document, and all that postings say of it."""
        days = [head.document_date[:10] for head in heads]
        return cls(
            since=_window_start(today, settings, days, postings),
            recurring=any(head.policy.behaviour == "recurring" for head in heads)
            or any(part.ext < 0 for posting in postings for part in posting.standing),
            search=_search(heads, postings) if settings.halopsa.find_by_search else "",
        )


async def look(tools: Tools, job: JobRun, settings: Settings, scope: Scope) -> Look:
    """List once, match here: every row that comes is looked at, filters are not trusted."""
    halo = await tools.open_halo(job, settings)
    currencies: dict[str, int] = {}
    control: dict[str, Any] = {}
    listed: list[HaloInvoice] = []

    async def name_currencies() -> None:
        currencies.update({row.code: row.id for row in await halo.currencies() if row.code})

    async def list_invoices() -> None:
        listed.extend(await halo.invoices(scope.since, scope.search))
        if scope.recurring:
            listed.extend(await halo.recurring_invoices())

    async def ask_control() -> None:
        control.update(await _control(halo))

    await side_by_side([name_currencies(), list_invoices(), ask_control()])
    reader = Reader.of(settings.halopsa, currencies)
    observed = Observed(
        today=tools.clock.today(settings.tenant.timezone),
        since=scope.since,
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


def _search(heads: Iterable[ChargesResolved], postings: Iterable[Posting]) -> str:
    """The start of our references, if nothing else has to be seen to plan these batches.

    Invoices that we append to, replace or settle bear other people's references; and whether an
    uncertain write has landed is no question for a search. Postings that a lost data folder knew
    of can not speak here: one reason why the setting is off by default.
    """
    for head in heads:
        policy = head.policy
        if policy.behaviour != "new" or policy.net_credit == "append" or head.replaces:
            return ""
    parts = (part for posting in postings for part in posting.parts if part.state != "undone")
    if any(part.kind != "create" or part.state == "sending" for part in parts):
        return ""
    prefixes = {reference_prefix(head.tenant, head.source, head.document) for head in heads}
    assert len(prefixes) == 1, "a job is about one document"
    return prefixes.pop()


def _window_start(
    today: date, settings: Settings, days: Iterable[str], postings: Iterable[Posting]
) -> date:
    """Far enough back for everything that a posting of these documents can stand on."""
    candidates = [today - timedelta(days=settings.halopsa.look_days)]
    candidates += [date.fromisoformat(day) for day in days if day]
    candidates += [date.fromisoformat(part.date) for p in postings for part in p.parts if part.date]
    return min(candidates)
