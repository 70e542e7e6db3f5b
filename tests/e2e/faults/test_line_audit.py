"""The audit names the line although the poster, or another service, noticed nothing.

Each story bills a month faultlessly and then makes the store say what a mistaken service would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from chargeline.audit import line_audit
from chargeline.explain import DocumentExplained, Explain, LineExplained
from chargeline.system import System
from chassis.table import Stored, Table
from gateway.domain.projection import Projection
from poster_halo.domain.postings import Posting
from sandbox.generate import generate_month
from schemas.ids import plan_id
from schemas.statement import Difference, Entry
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Whole

type Told = list[tuple[str, str]]


class Books:
    """A billed month, and ways to falsify what the store says of it."""

    def __init__(self, system: System, ran: Ran, explained: DocumentExplained) -> None:
        self.records = system.store.records
        self.ran = ran
        self.explained = explained

    @property
    def posted(self) -> LineExplained:
        """A line of a batch in which something is dropped as well."""
        dropped = {line.batch for line in self.explained.lines if line.outcome == "dropped"}
        return next(
            line
            for line in self.explained.lines
            if line.outcome == "posted" and line.batch in dropped
        )

    async def audit(self) -> list[Difference]:
        return await line_audit(self.records, TENANT, self.ran.run.run)

    async def posting(self, batch: str) -> Stored[Posting]:
        plan = plan_id(batch, self.ran.run.connection)
        stored = await Table(self.records, "postings", Posting).get(TENANT, plan)
        assert stored is not None
        return stored

    async def keep_posting(self, stored: Stored[Posting], value: Posting) -> None:
        assert await Table(self.records, "postings", Posting).replace(stored, value)

    async def projection(self, batch: str) -> Stored[Projection]:
        table = Table(self.records, "projections", Projection)
        async for stored in table.every(TENANT, "run", self.ran.run.run):
            if stored.value.batch == batch:
                return stored
        raise AssertionError(batch)

    async def keep_projection(self, stored: Stored[Projection], value: Projection) -> None:
        assert await Table(self.records, "projections", Projection).replace(stored, value)


async def forget(books: Books) -> Told:
    """The poster lost a line, in its posting and in its money."""
    line = books.posted
    assert line.billed is not None
    stored = await books.posting(line.batch)
    parts = tuple(
        part.model_copy(update={"lines": {k: v for k, v in part.lines.items() if k != line.line}})
        for part in stored.value.parts
    )
    await books.keep_posting(stored, stored.value.model_copy(update={"parts": parts}))
    await less(books, line.batch, "posted", line.billed.total, line.billed.cost_total)
    return [(line.line, "missing")]


async def alter(books: Books) -> Told:
    """The poster read another price back and thought nothing of it."""
    line = books.posted
    stored = await books.posting(line.batch)
    parts = []
    for part in stored.value.parts:
        lines = dict(part.lines)
        if line.line in lines:
            ext, quantity, price, cost = lines[line.line]
            lines[line.line] = (ext, quantity, str(Decimal(price) + 1), cost)
        parts.append(part.model_copy(update={"lines": lines}))
    await books.keep_posting(stored, stored.value.model_copy(update={"parts": tuple(parts)}))
    return [(line.line, "altered")]


async def double(books: Books) -> Told:
    """One line stands on two invoices, and the second was taken for another's."""
    line = books.posted
    stored = await books.posting(line.batch)
    [part] = [part for part in stored.value.parts if line.line in part.lines]
    lines = {line.line: part.lines[line.line]}
    twin = part.model_copy(update={"key": "twin", "ext": part.ext + 1, "lines": lines})
    await books.keep_posting(stored, stored.value.with_part(twin))
    return [(line.line, "doubled")]


async def lose_batch(books: Books) -> Told:
    """A batch never reached anybody."""
    batch = books.posted.batch
    stored = await books.projection(batch)
    await books.records.delete(TENANT, "projections", stored.key)
    return [(line.line, "missing") for line in books.explained.lines if line.batch == batch]


async def miscount(books: Books) -> Told:
    """The normalizer's sum of what it dropped is short."""
    batch = books.posted.batch
    dropped = [
        line for line in books.explained.lines if line.batch == batch and line.outcome == "dropped"
    ]
    await less(books, batch, "dropped", Decimal("0.01"), Decimal(0))
    return [(line.line, "unaccounted") for line in dropped]


async def edit_raw(books: Books) -> Told:
    """Somebody edited the stored bytes."""
    [page] = await books.records.find(TENANT, "pages", "document", books.explained.document)
    at = page.body.index(b'"total":') + len(b'"total":')
    body = page.body[:at] + b"-" + page.body[at + 1 :]
    assert await books.records.replace(replace(page, body=body))
    return [(books.explained.lines[0].line, "raw-altered")]


async def less(books: Books, batch: str, outcome: str, price: Decimal, cost: Decimal) -> None:
    """One entry of the batch is smaller than it was told."""
    stored = await books.projection(batch)
    slot = "done" if outcome == "posted" else "normalized"
    fact = getattr(stored.value, slot)

    def shrunk(entry: Entry) -> Entry:
        if entry.outcome != outcome:
            return entry
        return entry.model_copy(update={"price": entry.price - price, "cost": entry.cost - cost})

    changed = fact.model_copy(update={"money": tuple(map(shrunk, fact.money))})
    await books.keep_projection(stored, stored.value.model_copy(update={slot: changed}))


MISTAKES: list[Callable[[Books], Awaitable[Told]]] = [
    forget,
    alter,
    double,
    lose_batch,
    miscount,
    edit_raw,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_that_nobody_noticed_names_its_line(
    tmp_path: Path, mistake: Callable[[Books], Awaitable[Told]]
) -> None:
    async def story() -> None:
        month = generate_month(7, clients=10, lines=60)
        whole = Whole(tmp_path)
        async with whole.running() as system:
            await whole.vendors.load("pax8", month.pax8)
            await whole.vendors.load("halopsa", month.halopsa)
            await whole.set_up(system, month.resolved_settings())
            [document] = await whole.documents(system)
            ran = await whole.bill(system, document)
            explain = Explain(system.store.records)
            books = Books(system, ran, await explain.document(TENANT, document, ran.run.settings))
            assert await books.audit() == []
            wrong = await mistake(books)
            assert wrong
            assert sorted((d.line, d.problem) for d in await books.audit()) == sorted(wrong)

    in_virtual_time(story())
