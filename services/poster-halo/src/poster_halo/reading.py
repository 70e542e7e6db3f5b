"""The read-back of a group: done means that the destination shows the same lines (promise 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chassis.service import JobRun
from poster_halo import facts
from poster_halo.domain.compare import compare
from poster_halo.domain.observed import Document, OurLine
from poster_halo.domain.postings import Part, Posting
from poster_halo.look import Look
from poster_halo.syncing import wait_for_xero
from poster_halo.tools import Tools
from poster_halo.work import Work, as_read, expected_of
from schemas.messages import ApplyRun, PostingDone, PostingRefused
from schemas.money import ZERO
from schemas.statement import Difference, Entry, Outcome

STOPPED = b"stopped"  # checkpoint: what has not started is refused
MOVED = "moved"
PAGE = 100
SPARE_PAGES = 2
SPARE_ROWS = 5  # invoices that somebody else makes meanwhile
DIFFERENCES_MAX = 8  # a head is at most 4 KiB; the statement shows the whole amount


class Compared(NamedTuple):
    """One batch after its read-back; `found` by line. It matches: it stands as it was sent."""

    work: Work
    found: dict[str, list[OurLine]]
    differences: list[Difference]
    created: int
    updated: int
    matches: bool


class Reading:
    """Reads back what one job wrote, in pages, and publishes what became of each batch."""

    def __init__(self, tools: Tools, job: JobRun, head: ApplyRun, seen: Look) -> None:
        self._tools, self._job, self.head, self._look = tools, job, head, seen

    async def read_back(self, works: Sequence[Work]) -> dict[int, Document | None]:
        """Newest invoices by page, recurring ones by list; what is not met is read by its id."""
        ids = {part.ext for work in works for part in work.posting.unread}
        invoices = {number for number in ids if number > 0}
        recurring = ids - invoices
        shown: dict[int, Document | None] = {}
        appended = any(p.kind == "append" for work in works for p in work.posting.unread)
        if len(invoices) > 1 or (invoices and not appended):
            # New ones are the newest: a page for them alone. What was appended to may be older.
            size = PAGE if appended else min(PAGE, len(invoices) + SPARE_ROWS)
            pages = -(-len(invoices) // size) + SPARE_PAGES
            for one in await self._look.halo.newest_invoices(invoices, pages, size):
                shown[one.id] = self._look.document(one)
        if len(recurring) > 1:
            for one in await self._look.halo.recurring_invoices():
                if one.id in recurring:
                    shown[one.id] = self._look.document(one)
        for number in sorted(ids - shown.keys()):
            shown[number] = await self._look.read(number)
        await wait_for_xero(self._tools, self._look, works, shown)
        return shown

    def compared(self, work: Work, shown: dict[int, Document | None]) -> Compared:
        """What the destination shows of the batch, beside what was sent."""
        found: dict[str, list[OurLine]] = {}
        differences: list[Difference] = []
        created = updated = 0
        for part in work.posting.unread:
            document = shown.get(part.ext)
            result = compare(expected_of(part, work.plan), document)
            found |= result.found
            differences += [*result.differences, *_left_over(part, work, document)]
            self._check_header(part, work, document)
            created += part.kind == "create"
            updated += part.kind != "create"
            read = part.model_copy(update={"state": "posted", "lines": as_read(result.found)})
            work.posting = work.posting.with_part(read)
        alarms = [w for w in work.warnings if w in ("foreign-lines-changed", "header-differs")]
        matches = not differences and not alarms
        return Compared(work, found, differences, created, updated, matches)

    async def finish(self, compared: Compared) -> None:
        """Store `posted` with the fact, publish."""
        work, found, differences, created, updated, matches = compared
        money = facts.money_of(work.plan, found, _rest(work))
        if work.refused is not None:
            await self._refused(work, money, created + updated)
            return
        fact = PostingDone(
            **facts.about(self.head, work.kept.head),
            plan=work.posting.plan,
            hash=work.hash,
            matches=matches,
            created=created,
            updated=updated,
            unchanged=int(not created and not updated),
            external_ids=self._ids(work),
            money=money,
            taken=work.plan.taken,
            differences=tuple(differences[:DIFFERENCES_MAX]),
            warnings=facts.told((*work.warnings, *work.plan.warnings)),
        )
        message = await self._tools.message(fact)
        if not created and not updated and not work.posting.parts and not work.plan.standing:
            await self._tools.store.answer(self._job.tenant, self._job.id, work.name, message)
            return
        adopted = self._adopted(work)
        posted = adopted.model_copy(
            update={"state": "posted", "applying": "", "answered": self._job.id}
        )
        await self._tools.store.put_posting(self._job.tenant, posted, (message,), work.stored)

    async def _refused(self, work: Work, money: tuple[Entry, ...], written: int) -> None:
        assert work.refused is not None, "only what was refused comes here"
        fact = PostingRefused(
            **facts.about(self.head, work.kept.head),
            plan=work.posting.plan,
            hash=work.approved.hash,
            code=work.refused.code,
            text=facts.short(work.refused.text),
            held=work.refused.code == MOVED,
            plan_again=work.refused.code == MOVED,
            money=money,
            taken=work.plan.taken,
        )
        message = await self._tools.message(fact)
        if written:
            state = {"applying": "", "answered": self._job.id}
            posting = work.posting.model_copy(update=state)
            await self._tools.store.put_posting(self._job.tenant, posting, (message,), work.stored)
        else:
            await self._tools.store.answer(self._job.tenant, self._job.id, work.name, message)

    def _check_header(self, part: Part, work: Work, document: Document | None) -> None:
        """Other people's lines unchanged, the right client and currency, tax where it is due."""
        if document is None:
            return
        if part.kind != "create" and document.foreign_digest_but(part.unnamed) != part.foreign:
            work.warnings.append("foreign-lines-changed")
        currency = self._look.observed.currencies.get(work.plan.batch.currency, 0)
        wrong = document.client != work.plan.batch.client
        if wrong or (currency and document.currency not in (0, currency)):
            work.warnings.append("header-differs")
        account = self._look.settings.halopsa
        if account.tax_by == "halo" and any(
            not one.taxed and one.amounts.money for one in document.ours
        ):
            work.warnings.append("tax-missing")

    def _ids(self, work: Work) -> tuple[str, ...]:
        ids = {part.ext for part in work.posting.parts if part.state in ("posted", "sent")}
        ids |= {number for number, d in work.plan.documents.items() if d.ours}
        return tuple(str(number) for number in sorted(ids))[: facts.IDS_MAX]

    def _adopted(self, work: Work) -> Posting:
        """With a part for every document that our lines stand on and that no part speaks of."""
        posting = work.posting
        known = {part.ext for part in posting.parts if part.state != "undone"}
        for document in work.plan.documents.values():
            if document.id in known or document.from_recurring:
                continue
            if document.client != work.plan.batch.client:
                continue  # it is another batch's posting: undoing that is not ours to do
            there = {one.line: [one] for one in document.ours if one.line in work.plan.standing}
            if there:
                posting = posting.with_part(_adopted_part(document, work, there))
        return posting


def _rest(work: Work) -> tuple[Outcome, str]:
    """Lines that were to be written and were not."""
    if work.refused is None:
        return "pending", ""
    return "held" if work.refused.code == MOVED else "refused", work.refused.code


def _adopted_part(document: Document, work: Work, there: dict[str, list[OurLine]]) -> Part:
    ours = document.id > 0 and document.reference.startswith(work.plan.batch.origin.prefix)
    return Part(
        key=f"adopted-{document.id}",
        kind="replace" if document.id < 0 else "create" if ours else "append",
        state="posted",
        ext=document.id,
        reference=document.reference,
        date=document.day.isoformat() if document.day and document.id > 0 else "",
        lines=as_read(there),
    )


def _left_over(part: Part, work: Work, document: Document | None) -> list[Difference]:
    """Lines that a replace was to remove and that are still there."""
    if part.kind != "replace" or document is None:
        return []
    wanted = {line.id for line in work.plan.lines}
    kept = set(work.plan.extras)
    return [
        Difference(
            line=one.line,
            problem="altered",
            expected=ZERO,
            found=one.amounts.money,
            text="not removed",
        )
        for one in document.ours
        if one.source in ("", work.plan.batch.origin.source)
        and one.line not in wanted
        and one.line not in kept
    ]
