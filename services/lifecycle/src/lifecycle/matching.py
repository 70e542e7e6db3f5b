"""The job MatchCompanies: which client each company is, by external id or exact name."""

from __future__ import annotations

from pydantic import TypeAdapter

from chassis.jobs import JobFailure
from chassis.service import JobRun
from lifecycle.catalogs import Catalogs
from lifecycle.domain.facts import short
from lifecycle.tools import Session, Tools
from schemas import frame
from schemas.messages import CompaniesMatched, Company, CompanyMatch, MatchCompanies

SUGGESTIONS = "suggestions"

_Companies = TypeAdapter(list[Company])
_Matches = TypeAdapter(list[CompanyMatch])


class MatchingJob:
    """Lists the clients once; ResolveRun of the same run uses the list again."""

    def __init__(self, tools: Tools, catalogs: Catalogs) -> None:
        self._tools = tools
        self._catalogs = catalogs

    async def run(self, job: JobRun) -> None:
        """List, match, publish."""
        head, body = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        companies = _Companies.validate_json(body or b"[]")
        clients = await self._catalogs.clients(Session(self._tools, job, settings), head)
        matches = [clients.match(c) for c in sorted(companies, key=lambda c: c.company)]
        await self._publish(job, _answer(head), _Matches.dump_json(matches))

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Say why nothing was matched."""
        head, _ = _read(job)
        problem = _answer(head).model_copy(
            update={"problem": failure.code, "text": short(failure.text)}
        )
        await self._publish(job, problem, b"[]")

    async def _publish(self, job: JobRun, fact: CompaniesMatched, body: bytes) -> None:
        await self._tools.put(job.tenant, SUGGESTIONS, fact.run, body)
        await self._tools.answer(job, fact, body, "failed" if fact.problem else "done")


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


def _read(job: JobRun) -> tuple[MatchCompanies, bytes]:
    line, body = frame.decode(job.payload)
    return MatchCompanies.model_validate_json(line), body
