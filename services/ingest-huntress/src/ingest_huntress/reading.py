"""Reads a day's organisations: the list by pages, then one by one those that are billed.

Every answer is stored as it comes, so a reading that was interrupted repeats none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from chassis.errors import TransientError
from chassis.service import JobRun
from ingest_huntress.billed import Billed, read_billed
from ingest_huntress.domain.answers import organization_answer
from ingest_huntress.domain.counting import Organization as Counted
from ingest_huntress.stored import StoredAnswers
from ingest_huntress.translate import as_listed, as_read
from vendors.calls import side_by_side
from vendors.huntress import (
    Huntress,
    Organization,
    OrganizationDetail,
    OrganizationRead,
    Page,
)
from vendors.huntress.lists import page_of, whole_list, wrapped

DISABLED = "disabled"
INCOMPLETE, WALKS = "list-incomplete", 2  # a list is walked so often before it is a failure


class Progress(BaseModel):
    """The checkpoint. `accounts` are a reseller's; None: nobody asked yet whose key it is.

    `billed` is what Huntress bills the reseller; None: nobody asked yet. `walks` are those of the
    list that came to nothing: their pages are not taken again.
    """

    accounts: tuple[int, ...] | None = None
    billed: Billed | None = None
    walks: int = 0
    stored: int = 0  # answers, when the reading waited last

    @classmethod
    def of(cls, job: JobRun) -> Progress:
        return cls.model_validate_json(job.checkpoint or b"{}")


class Reading:
    """One reading by one job. `billed` organisations are read by themselves, unless it is quick."""

    def __init__(
        self,
        huntress: Huntress,
        job: JobRun,
        answers: StoredAnswers,
        billed: frozenset[str],
        *,
        quick: bool,
    ) -> None:
        self._huntress = huntress
        self._job = job
        self._answers = answers
        self._billed = billed
        self._quick = quick

    async def organizations(self) -> list[Counted]:
        """All of them, by account and id."""
        accounts = await self._accounts()
        found: list[Counted] = []
        for account in accounts or (None,):
            rows = await self._listed(account)
            found += await side_by_side(self._counted(row, account) for row in rows)
        return found

    async def _listed(self, account: int | None) -> list[Organization]:
        try:
            return await whole_list(self._pages(account), "listing Huntress organizations")
        except TransientError as odd:
            if odd.code == INCOMPLETE:
                progress = Progress.of(self._job)
                progress = progress.model_copy(update={"walks": progress.walks + WALKS})
                await self._job.save(progress.model_dump_json().encode())
            raise

    async def billed_to_reseller(self) -> Billed:
        """What Huntress bills beyond the use; nothing for an account's own key."""
        progress = Progress.of(self._job)
        if progress.billed is None:
            billed = Billed()
            if progress.accounts:
                billed = await read_billed(self._huntress)
            progress = progress.model_copy(update={"billed": billed})
            await self._job.save(progress.model_dump_json().encode())
        assert progress.billed is not None, "it was asked just now"
        return progress.billed

    async def _accounts(self) -> tuple[int, ...]:
        """A reseller's accounts; none: the key is an account's own."""
        progress = Progress.of(self._job)
        if progress.accounts is None:
            accounts: tuple[int, ...] = ()
            if (await self._huntress.actor()).kind == "reseller":
                rows = await self._huntress.accounts()
                accounts = tuple(row.id for row in rows if row.status != DISABLED)
            progress = progress.model_copy(update={"accounts": accounts})
            await self._job.save(progress.model_dump_json().encode())
        assert progress.accounts is not None, "it was asked just now"
        return progress.accounts

    def _pages(self, account: int | None) -> Callable[[str | None], Awaitable[Page[Organization]]]:
        """Page after page, stored ones first; a list that is walked again is read anew."""
        walk, number = Progress.of(self._job).walks, 0

        async def fetch(token: str | None) -> Page[Organization]:
            nonlocal walk, number
            walk, number = (walk + 1, 0) if token is None else (walk, number + 1)
            name = f"page/{account or 0}/{walk}-{number:05d}"
            stored = await self._answers.get(name)
            if stored is not None and stored[0].token == token:
                return page_of(stored[1], "organizations", Organization)
            page = await self._huntress.organization_page(token, account)
            await self._answers.put(name, page.raw, token=token)
            return page

        return fetch

    async def _counted(self, row: Organization, account: int | None) -> Counted:
        if self._quick:
            return as_listed(row, "quick")
        if str(row.id) not in self._billed:
            return as_listed(row, "not-read")
        return as_read(row, await self._read(row, account))

    async def _read(self, row: Organization, account: int | None) -> OrganizationRead | None:
        name = organization_answer(row.id)
        stored = await self._answers.get(name)
        if stored is not None:
            notes, raw = stored
            return _parsed(raw) if notes.there else None
        read = await self._huntress.organization(row.id, account)
        usages = read.organization.actual_usages if read else None
        counts = usages.counts() if usages else {}
        await self._answers.put(name, read.raw if read else None, counts=counts)
        return read


def _parsed(raw: bytes) -> OrganizationRead:
    return OrganizationRead(raw, OrganizationDetail.model_validate(wrapped(raw, "organization")))
