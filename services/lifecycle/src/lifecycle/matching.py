"""Which client a company is and which item a product, by rule, before anybody is billed.

MatchProducts answers for products that nobody has a line of yet; it decides nothing: a run matches
its products itself, and knows more of them.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from chassis.jobs import JobFailure
from chassis.service import JobRun
from lifecycle.catalogs import Catalogs
from lifecycle.domain.facts import short
from lifecycle.domain.items import ItemHold, Items
from lifecycle.records import ItemRecords
from lifecycle.tools import Session, Tools
from schemas import frame
from schemas.charges import ItemChoice
from schemas.messages import (
    CompaniesMatched,
    Company,
    CompanyMatch,
    MatchCompanies,
    MatchProducts,
    ProductMatch,
    ProductsMatched,
)
from schemas.uses import ProductUse

SUGGESTIONS = "suggestions"

_Companies = TypeAdapter(list[Company])
_Matches = TypeAdapter(list[CompanyMatch])
_Uses = TypeAdapter(list[ProductUse])
_Products = TypeAdapter(list[ProductMatch])


class MatchingJob:
    """Lists the clients once; ResolveRun of the same run uses the list again."""

    def __init__(self, tools: Tools, catalogs: Catalogs) -> None:
        self._tools = tools
        self._catalogs = catalogs

    async def run(self, job: JobRun) -> None:
        """List, match, publish."""
        head, body = _read(job, MatchCompanies)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        companies = _Companies.validate_json(body or b"[]")
        clients = await self._catalogs.clients(Session(self._tools, job, settings), head)
        matches = [clients.match(c) for c in sorted(companies, key=lambda c: c.company)]
        answer = _answer(head).model_copy(update={"listed": len(clients)})
        await self._publish(job, answer, _Matches.dump_json(matches))

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Say why nothing was matched."""
        head, _ = _read(job, MatchCompanies)
        problem = _answer(head).model_copy(
            update={"problem": failure.code, "text": short(failure.text)}
        )
        await self._publish(job, problem, b"[]")

    async def _publish(self, job: JobRun, fact: CompaniesMatched, body: bytes) -> None:
        await self._tools.put(job.tenant, SUGGESTIONS, fact.run, body)
        await self._tools.answer(job, fact, body, "failed" if fact.problem else "done")


class MatchingProductsJob:
    """Lists the open items once."""

    def __init__(self, tools: Tools, catalogs: Catalogs, items: ItemRecords) -> None:
        self._tools = tools
        self._catalogs = catalogs
        self._items = items

    async def run(self, job: JobRun) -> None:
        """List, match, publish."""
        head, body = _read(job, MatchProducts)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        uses = _Uses.validate_json(body or b"[]")
        items = await self._catalogs.items(Session(self._tools, job, settings), head)
        known = await self._items.known(job, [use.key for use in uses])
        matches = [
            _product_match(use, items.match(use, settings, head.source, known.get(use.key)), items)
            for use in sorted(uses, key=lambda use: use.key)
        ]
        answer = _products_answer(head).model_copy(update={"listed": len(items)})
        await self._tools.answer(job, answer, _Products.dump_json(matches), "done")

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Say why nothing was matched."""
        head, _ = _read(job, MatchProducts)
        said = {"problem": failure.code, "text": short(failure.text)}
        fact = _products_answer(head).model_copy(update=said)
        await self._tools.answer(job, fact, b"[]", "failed")


def _product_match(
    use: ProductUse, found: ItemChoice | ItemHold | None, items: Items
) -> ProductMatch:
    plain = ProductMatch(product_key=use.key, name=use.name)
    match found:
        case ItemChoice():
            return plain.model_copy(update={"item": found.item, "evidence": found.evidence})
        case ItemHold():
            return plain.model_copy(update={"suggestions": found.suggestions})
        case None:
            return plain.model_copy(update={"suggestions": items.suggest(use.name)})


def _products_answer(head: MatchProducts) -> ProductsMatched:
    return ProductsMatched(
        tenant=head.tenant,
        run=head.run,
        revision=head.revision,
        settings=head.settings,
        source=head.source,
        connection=head.connection,
    )


def _answer(head: MatchCompanies) -> CompaniesMatched:
    return CompaniesMatched(
        tenant=head.tenant,
        run=head.run,
        revision=head.revision,
        settings=head.settings,
        source=head.source,
        document=head.document,
        connection=head.connection,
    )


def _read[Asked: (MatchCompanies, MatchProducts)](
    job: JobRun, kind: type[Asked]
) -> tuple[Asked, bytes]:
    line, body = frame.decode(job.payload)
    return kind.model_validate_json(line), body
