"""A document that was read before: compared when read again, formed again from its stored pages."""

from __future__ import annotations

from datetime import date

import pytest

from chassis.records import Record
from schemas.charges import ChargeLines

from .rows import DOCUMENT, document, item
from .world import TENANT, World


def pages(world: World) -> list[Record]:
    return [r for (_, c, _), r in sorted(world.shelf.items()) if c == "pages"]


async def test_a_later_reading_that_is_equal_changes_nothing(world: World) -> None:
    await world.load(invoices=[document(3)])
    await world.ingest(DOCUMENT)
    first = [(b.head.batch, b.head.content) for b in world.batches()]
    read = await world.ingest(DOCUMENT)
    assert read.head.problem is None
    assert [(b.head.batch, b.head.content) for b in world.batches()] == first


@pytest.mark.parametrize(
    ("items", "word"),
    [
        ([item(1), item(2)], "it had 3 lines and now has 2"),
        ([item(1), item(2), item(3, total=9)], "USD"),
        ([item(1), item(2), item(4)], "not its lines"),
        ([item(1), item(2), item(3, currencyCode="GBP")], "GBP"),
    ],
    ids=["count", "sum", "set of lines", "currency"],
)
async def test_r4_a_document_that_changed_is_held_and_its_first_pages_stay(
    world: World, items: list[dict[str, object]], word: str
) -> None:
    await world.load(invoices=[document([item(1), item(2), item(3)])])
    await world.ingest(DOCUMENT)
    kept = [r.body for r in pages(world)]
    await world.load(invoices=[document(items)])
    read = await world.ingest(DOCUMENT)
    assert read.head.problem == "document-changed"
    assert word in read.head.text
    assert world.batches() == []
    assert [r.body for r in pages(world)] == kept
    held = await world.ingest(DOCUMENT, stored=True)
    assert held.head.problem == "document-changed"


async def test_r4_the_basis_of_the_first_reading_stays(world: World) -> None:
    def without_ids() -> list[dict[str, object]]:
        return [{k: v for k, v in item(7).items() if k != "id"} for _ in range(2)]

    await world.load(invoices=[document([item(1), *without_ids()])])
    await world.ingest(DOCUMENT)
    [batch] = world.batches()
    first = [line.id for line in ChargeLines.validate_json(batch.body)]
    assert len(set(first)) == 3
    await world.load(invoices=[document([*without_ids(), item(1)])])
    read = await world.ingest(DOCUMENT)
    assert read.head.problem is None, "the same lines in another order are the same document"


async def test_stored_pages_form_the_batches_without_a_call(world: World) -> None:
    await world.load(invoices=[document(401)])
    await world.ingest(DOCUMENT)
    first, before = world.batches(), await world.calls()
    read = await world.ingest(DOCUMENT, stored=True)
    assert await world.calls() == before
    assert read.head.batches == 1
    assert [b.body for b in world.batches()] == [b.body for b in first]


async def test_a_document_never_read_has_no_stored_pages(world: World) -> None:
    read = await world.ingest(DOCUMENT, stored=True)
    assert read.head.problem == "document-not-read"


async def test_drafts_are_kept_as_a_snapshot(world: World) -> None:
    rows = [item(n, startPeriod="2026-12-01") for n in range(250)]
    world.app.clock.set(date(2026, 11, 5))
    await world.load(draft_items=rows)
    read = await world.read_drafts()
    assert (read.head.rows_read, read.head.rows_promised) == (250, 250)
    kept = await world.records.find(TENANT, "snapshots", "snapshot", read.head.snapshot)
    assert len(kept) == 2
