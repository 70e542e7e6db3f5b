"""The job ReadCompanies: who the customers are and what they subscribe to, before any invoice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from chassis.jobs import JobFailure, JobKind
from chassis.service import JobRun
from ingest_pax8.tools import Tools
from ingest_pax8.translate import SOURCE
from schemas.bodies import AtSource
from schemas.charges import product_key
from schemas.messages import CompaniesRead, Company, ReadCompanies
from schemas.uses import ProductUse
from vendors.pax8 import models


class CompaniesJob:
    """Reads two lists whole and says them; nothing is kept here."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def kinds(self) -> Mapping[str, JobKind]:
        """What the runner runs."""
        return {"ReadCompanies": JobKind(self.run, self.failed)}

    async def run(self, job: JobRun) -> None:
        """List companies and subscriptions."""
        command = ReadCompanies.model_validate_json(job.payload)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        pax8 = await self._tools.open_pax8(job, settings)
        companies, subscriptions = await pax8.companies(), await pax8.subscriptions()
        fact = _answer(command).model_copy(
            update={"companies": len(companies), "subscriptions": len(subscriptions)}
        )
        body = AtSource(companies=companies_of(companies), products=products_of(subscriptions))
        await self._tools.answer(job, fact, body.model_dump_json().encode())

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Nothing was read, and why."""
        fact = _answer(ReadCompanies.model_validate_json(job.payload))
        said = {"problem": failure.code, "text": failure.text[:500]}
        body = AtSource().model_dump_json().encode()
        await self._tools.answer(job, fact.model_copy(update=said), body)


def companies_of(rows: Iterable[models.Company]) -> list[Company]:
    """By id; of those that are called alike none is matched by its name."""
    kept = sorted(rows, key=lambda row: row.id)
    called = Counter(_folded(row.name) for row in kept)
    return [
        Company(
            company=row.id,
            name=row.name or "",
            external=row.external_id or None,
            website=row.website or "",
            name_doubled=called[_folded(row.name)] > 1,
        )
        for row in kept
    ]


def products_of(rows: Iterable[models.Subscription]) -> list[ProductUse]:
    """Each product and term once, with how many subscribe to it; those that have ended are not
    billed any more."""
    several: dict[str, list[models.Subscription]] = {}
    for row in rows:
        key = product_key(SOURCE, row.product_id, None, row.billing_term or "")
        if key is not None and (row.status or "").lower() != "cancelled":
            several.setdefault(key, []).append(row)
    return [
        ProductUse(
            key=key,
            name=same[0].product_name or "",
            product=same[0].product_id or "",
            term=same[0].billing_term or "",
            lines=len(same),
        )
        for key, same in sorted(several.items())
    ]


def _folded(name: str | None) -> str:
    return " ".join((name or "").casefold().split())


def _answer(command: ReadCompanies) -> CompaniesRead:
    return CompaniesRead(
        tenant=command.tenant,
        run=command.run,
        revision=command.revision,
        settings=command.settings,
        source=SOURCE,
    )
