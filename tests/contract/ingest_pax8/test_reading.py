"""A document is read whole or not at all, kept as it came, and read once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.errors import Failure
from chassis.jobs import JobFailure
from chassis.records import Record
from ingest_pax8.checking import altered_lines
from ingest_pax8.domain.pages import from_stored
from schemas.charges import ChargeLines
from schemas.messages import DocumentRead

from .rows import DOCUMENT, document, item
from .world import TENANT, Killed, World


def pages(world: World) -> list[Record]:
    return [r for (_, c, _), r in sorted(world.shelf.items()) if c == "pages"]


async def test_a_document_is_read_and_its_lines_come_in_its_order(world: World) -> None:
    await world.load(invoices=[document(401)])
    read = await world.ingest(DOCUMENT)
    assert (read.head.rows_read, read.head.rows_promised, read.head.pages) == (401, 401, 3)
    assert read.head.problem is None
    assert read.head.batches == 1
    [batch] = world.batches()
    lines = ChargeLines.validate_json(batch.body)
    assert [line.sku for line in lines] == [f"SKU-{n}" for n in range(401)]
    assert len({line.id for line in lines}) == 401


async def test_pages_are_kept_byte_for_byte(world: World) -> None:
    await world.load(invoices=[document(201)])
    await world.ingest(DOCUMENT)
    token = (
        await world.http.post(
            "/pax8/v1/token",
            json={
                "client_id": "a",
                "client_secret": "b",
                "audience": "https://api.pax8.com",
                "grant_type": "client_credentials",
            },
        )
    ).json()["access_token"]
    for number, record in enumerate(pages(world)):
        answer = await world.http.get(
            f"/pax8/v1/invoices/{DOCUMENT}/items",
            params={"page": number, "size": 200},
            headers={"Authorization": f"Bearer {token}"},
        )
        notes, raw = from_stored(record.body)
        assert raw == answer.content
        assert record.tags == {"document": DOCUMENT}
        assert notes.number == number


@pytest.mark.parametrize("ids", [True, False])
async def test_one_edited_byte_names_its_line(world: World, ids: bool) -> None:
    rows = [item(n) for n in range(250)]
    await world.load(
        invoices=[document([r if ids else {k: r[k] for k in r if k != "id"} for r in rows])]
    )
    await world.ingest(DOCUMENT)
    assert await altered_lines(world.records, TENANT, DOCUMENT) == []
    [batch] = world.batches()
    wanted = ChargeLines.validate_json(batch.body)[230]
    record = pages(world)[1]
    edited = record.body.replace(b'"sku":"SKU-230"', b'"sku":"SKU-231"')
    assert edited != record.body
    world.shelf[TENANT, "pages", record.key] = replace(record, body=edited)
    [found] = await altered_lines(world.records, TENANT, DOCUMENT)
    assert (found.page, found.row, found.line) == (1, 30, wanted.id)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "changes_between_pages"},
        {"kind": "truncate_page", "after": 1},
        {"kind": "duplicate_row", "displace": True},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_torn_document_is_read_once_more(world: World, fault: dict[str, object]) -> None:
    await world.load(invoices=[document(450)])
    await world.spoil({"path": f"/invoices/{DOCUMENT}/items", **fault})
    read = await world.ingest(DOCUMENT)
    assert (read.head.problem, read.head.rows_read) == (None, 450)
    [batch] = world.batches()
    ids = [line.id for line in ChargeLines.validate_json(batch.body)]
    assert len(ids) == len(set(ids)) == batch.head.lines == 450, "what was torn is forgotten"
    assert len(pages(world)) == 3


async def test_a_document_torn_twice_is_held_and_says_what_was_missing(world: World) -> None:
    await world.load(invoices=[document(450)])
    await world.spoil({"kind": "truncate_page", "times": -1, "path": f"/invoices/{DOCUMENT}"})
    read = await world.ingest(DOCUMENT)
    assert read.head.problem == "document-incomplete"
    assert "447 rows were read and 450 were promised" in read.head.text
    assert read.head.batches == 0
    assert world.batches() == []


async def test_rows_displaced_by_doubles_differently_each_time_are_incomplete(
    world: World,
) -> None:
    await world.load(invoices=[document(450)])
    path = f"/invoices/{DOCUMENT}/items"
    # A different page is spoilt each time: the list moves under the reader.
    await world.spoil(
        {"kind": "duplicate_row", "displace": True, "path": path},
        {"kind": "duplicate_row", "displace": True, "path": path, "after": 4},
    )
    read = await world.ingest(DOCUMENT)
    assert read.head.problem == "document-incomplete"


async def test_equal_ids_of_the_document_itself_are_two_lines(world: World) -> None:
    await world.load(invoices=[document([item(1), item(1), item(2)])])
    read = await world.ingest(DOCUMENT)
    assert (read.head.problem, read.head.rows_read) == (None, 3)
    [batch] = world.batches()
    ids = [line.id for line in ChargeLines.validate_json(batch.body)]
    assert len(ids) == len(set(ids)) == 3


async def test_a_token_that_is_refused_midway_is_renewed(world: World) -> None:
    await world.load(invoices=[document(450)])
    path = f"/invoices/{DOCUMENT}/items"
    await world.spoil({"kind": "unauthorized", "path": path, "after": 1})
    assert (await world.ingest(DOCUMENT)).head.rows_read == 450


async def test_a_storm_of_429_only_delays(world: World) -> None:
    await world.load(invoices=[document(450)])
    path = f"/invoices/{DOCUMENT}/items"
    await world.spoil({"kind": "rate_limit", "path": path, "times": 2})
    assert (await world.ingest(DOCUMENT)).head.rows_read == 450


async def test_an_empty_document_says_so(world: World) -> None:
    await world.load(invoices=[document(0)])
    read = await world.ingest(DOCUMENT)
    assert (read.head.problem, read.head.batches) == ("document-empty", 0)


async def test_an_amount_that_is_no_number_holds_the_document(world: World) -> None:
    await world.load(invoices=[document([item(1, total="twelve")])])
    read = await world.ingest(DOCUMENT)
    assert read.head.problem == "document-unreadable"
    assert "page 1" in read.head.text
    assert len(pages(world)) == 1, "the bytes are kept all the same"


async def test_wrong_credentials_end_the_run_with_their_reason(world: World) -> None:
    await world.load(invoices=[document(1)])
    await world.spoil({"kind": "forbidden", "times": -1, "path": f"/invoices/{DOCUMENT}/items"})
    with pytest.raises((Failure, ExceptionGroup)):
        await world.ingest(DOCUMENT)
    await world.fail(JobFailure(code="pax8-right-missing", text="not allowed"))
    [read] = world.facts(DocumentRead)
    assert (read.head.problem, read.head.text) == ("pax8-right-missing", "not allowed")


async def test_a_killed_job_reads_no_stored_page_again(world: World) -> None:
    await world.load(invoices=[document(1000)])
    writes = 0

    async def die() -> None:
        nonlocal writes
        writes += len(pages(world)) == 3
        if writes == 1:
            raise Killed

    world.records.pause = die
    with pytest.raises((Killed, BaseExceptionGroup)):
        await world.ingest(DOCUMENT)
    before, kept = await world.calls(), len(pages(world))
    assert kept >= 3
    world.records = type(world.records)(world.shelf)
    await world.resume()
    assert await world.calls() - before == 5 - kept
    [read] = world.facts(DocumentRead)
    assert (read.head.problem, read.head.rows_read) == (None, 1000)


async def test_a_job_killed_while_forming_reads_nothing_again(world: World) -> None:
    await world.load(invoices=[document(450)])

    async def die() -> None:
        if any(collection == "batches" for _, collection, _ in world.shelf):
            raise Killed

    world.records.pause = die
    with pytest.raises((Killed, BaseExceptionGroup)):
        await world.ingest(DOCUMENT)
    before = await world.calls()
    world.records = type(world.records)(world.shelf)
    await world.resume()
    assert await world.calls() == before
    assert world.facts(DocumentRead)[-1].head.batches == 1
    assert len(world.batches()) == 1


async def test_killed_at_any_store_access_it_ends_the_same(world: World) -> None:
    await world.load(invoices=[document([item(n, companyId=f"c{n % 3}") for n in range(401)])])
    await world.ingest(DOCUMENT)
    wanted = [(b.head.batch, b.body) for b in world.batches()]
    shelf = dict(world.shelf)
    for moment in range(3, 60, 3):
        world.shelf.clear()
        world.shelf.update({k: r for k, r in shelf.items() if k[1] == "settings"})
        world.bus.messages.clear()
        left = moment

        async def die() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        world.records = type(world.records)(world.shelf, die)
        try:
            await world.ingest(DOCUMENT)
        except (Killed, BaseExceptionGroup):
            world.records = type(world.records)(world.shelf)
            await world.resume()
        assert [(b.head.batch, b.body) for b in world.batches()] == wanted, moment
        assert world.facts(DocumentRead)[-1].head.batches == 3
