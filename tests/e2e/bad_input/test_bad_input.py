"""What Pax8 sends is wrong: one clear sentence says so; the money is held and on the statement."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargeline.audit import line_audit
from support import small
from support.bad_input import World, items, story_of, without
from support.small import DOCUMENT, item, of_bolt
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Vendors, Whole, posted_by_line


def test_the_small_msp_is_billed_when_nothing_is_wrong(tmp_path: Path) -> None:
    story = story_of(tmp_path, World())
    assert story.outcomes == {"posted": 2}
    assert story.sides["USD"].posted == 40
    assert story.sentences == []
    story.balances()


def test_unknown_values_that_decide_nothing_are_billed_like_any_other_line(tmp_path: Path) -> None:
    odd = item(1, chargeType="?", rateType="guess", unitOfMeasure="Bucket", startPeriod="soon")
    story = story_of(tmp_path, items(odd, of_bolt()))
    assert story.outcomes == {"posted": 2}
    story.balances()


@pytest.mark.parametrize(
    ("odd", "code", "way"),
    [
        ({"type": "mystery"}, "type-unknown", "[pax8.types]"),
        ({"type": None}, "type-unknown", "[pax8.types]"),
        ({"term": "Fortnightly"}, "term-unknown", "terms = "),
        ({"billedByPax8": "maybe"}, "billed-by-unclear", "have Pax8 correct the invoice"),
    ],
)
def test_an_unknown_value_that_decides_holds_its_batch(
    tmp_path: Path, odd: dict[str, Any], code: str, way: str
) -> None:
    story = story_of(tmp_path, items(item(1, **odd), of_bolt()))
    story.says("1 line of Acme", way)
    story.holds(code, "20")
    assert story.outcomes == {"held": 1, "posted": 1}
    assert len(story.posted) == 1


def test_the_settings_say_what_new_words_mean(tmp_path: Path) -> None:
    world = items(item(1, type="new_type", term="5 Year"), of_bolt())
    world.pax8["invoices"][0]["invoice"]["status"] = "Overdue"
    words = {"types": {"new-type": "one-time"}, "terms": ["5 Year"], "statuses": ["Overdue"]}
    world.settings = small.settings(pax8=small.settings().get("pax8", {}) | words)
    story = story_of(tmp_path, world)
    assert story.outcomes == {"posted": 2}
    story.balances()


@pytest.mark.parametrize(
    ("header", "code", "words"),
    [
        ({"status": "Weird"}, "status-unknown", "statuses = "),
        ({"invoiceDate": None}, "date-missing", "no readable date"),
        ({"invoiceDate": "2026-13-45"}, "date-missing", "no readable date"),
    ],
)
def test_an_invoice_of_an_unknown_status_or_day_is_held(
    tmp_path: Path, header: dict[str, Any], code: str, words: str
) -> None:
    world = items(item(1), of_bolt())
    world.pax8["invoices"][0]["invoice"] |= header
    story = story_of(tmp_path, world)
    story.says(words)
    story.holds(code, "40")
    assert story.outcomes == {"held": 2}
    assert not story.posted


@pytest.mark.parametrize(
    ("row", "code", "held", "currency", "words"),
    [
        (without(item(1), "companyId"), "company-missing", "20", "USD", "no company"),
        (without(item(1), "total", "price"), "amount-missing", "0", "USD", "cost the customer"),
        (without(item(1), "productId", "sku"), "product-missing", "20", "USD", "neither product"),
        (without(item(1), "currencyCode"), "currency-missing", "20", "", "no currency"),
    ],
)
def test_a_missing_field_holds_its_batch(
    tmp_path: Path, row: dict[str, Any], code: str, held: str, currency: str, words: str
) -> None:
    story = story_of(tmp_path, items(row, of_bolt()))
    way = "chargeline mappings client" if code == "company-missing" else "have Pax8 correct"
    story.says("1 line of", words, way)
    story.holds(code, held, currency)
    assert story.outcomes == {"held": 1, "posted": 1}
    assert len(story.posted) == 1


def test_fields_that_nothing_depends_on_may_be_missing(tmp_path: Path) -> None:
    bare = without(item(1), "id", "quantity", "description", "startPeriod", "endPeriod", "term")
    story = story_of(tmp_path, items(bare, of_bolt()))
    assert story.outcomes == {"posted": 2}
    assert list(story.posted.values()) == [[20], [20]]
    story.balances()


def test_floats_with_noise_are_rounded_once_and_the_noise_is_shown(tmp_path: Path) -> None:
    noisy = item(1, price=3.3333333333333335, total=6.670000000000001, costTotal=5.999999999999999)
    story = story_of(tmp_path, items(noisy, of_bolt(total=20.000000000000004)))
    side = story.sides["USD"]
    assert side.received == Decimal("26.670000000000005")
    assert side.posted == Decimal("26.67")
    assert side.rounding == Decimal("0.000000000000005")
    story.balances()


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"total": "abc"}, "row 1, total: 'abc' is not an amount"),
        ({"total": "NaN"}, "row 1, total: 'NaN' is not an amount"),
        ({"quantity": "x"}, "row 1, quantity: 'x' is not an amount"),
        ({"total": Decimal("1E+27")}, "is not an amount"),
        ({"costTotal": "-1e400"}, "row 1, costTotal: '-1e400' is not an amount"),
    ],
)
def test_an_amount_that_is_none_holds_the_document(
    tmp_path: Path, odd: dict[str, Any], named: str
) -> None:
    story = story_of(tmp_path, items(item(1, **odd), of_bolt()))
    assert story.ran.run.problem == "document-unreadable"
    story.says("page 1", named, "have Pax8 correct it")
    assert not story.ran.statement.complete
    assert story.outcomes == {"held": 2}
    assert not story.posted


def test_lines_of_the_same_id_are_lines_of_their_own(tmp_path: Path) -> None:
    story = story_of(tmp_path, items(item(1), item(1), of_bolt()))
    assert story.outcomes == {"posted": 3}
    assert len(story.posted) == 3
    story.balances()


def test_an_empty_invoice(tmp_path: Path) -> None:
    story = story_of(tmp_path, items())
    assert story.ran.run.problem == "document-empty"
    story.says("no lines", "read it again")
    assert story.ran.statement.complete


class Moving(httpx.AsyncBaseTransport):
    """Pax8 as it is when somebody changes the invoice after each page that was read."""

    def __init__(self, vendors: Vendors) -> None:
        self._inner = httpx.ASGITransport(app=vendors.app)
        self._vendors = vendors
        self._read = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/items"):
            self._read += 1
            rows = [item(n) for n in range(1, 301 + self._read)]
            await self._vendors.load("pax8", small.pax8(rows), replace=True)
        return answer


def test_an_invoice_that_changes_between_its_pages(tmp_path: Path) -> None:
    world = items(*(item(n) for n in range(1, 301)))
    world.transport = Moving(world.vendors)
    story = story_of(tmp_path, world)
    assert story.ran.run.problem == "document-incomplete"
    story.says("rows were read", "promised", "Read it again later")
    assert not story.ran.statement.complete
    assert set(story.outcomes) == {"held"}
    assert not story.posted


def test_an_invoice_that_is_another_when_it_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.load("halopsa", small.halopsa())
        async with whole.running() as system:
            await whole.set_up(system, small.settings(client=[]))
            await whole.bill(system, DOCUMENT)
            await whole.vendors.load("pax8", small.pax8([item(1), of_bolt(total=21)]))
            ran = await whole.bill(system, DOCUMENT)
        assert ran.run.problem == "document-changed"
        assert "40 at cost" in ran.run.text
        assert "41 at cost" in ran.run.text
        assert "ask Pax8" in ran.run.text
        assert ran.statement.currencies["USD"].posted_by == {"document-changed": 40}
        assert ran.unexplained() == 0

    in_virtual_time(story())


def test_stored_bytes_that_somebody_edited_are_not_billed_from(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.load("halopsa", small.halopsa(clients=[small.client(42, "Bolt")]))
        async with whole.running() as system:
            await whole.set_up(system, small.settings())
            ran = await whole.bill(system, DOCUMENT)
            assert ran.statement.currencies["USD"].held_by == {"client-gone": 20}
            [page] = await system.store.records.find(TENANT, "pages", "document", DOCUMENT)
            at = page.body.index(b'"total":') + len(b'"total":')
            body = page.body[:at] + b"7" + page.body[at + 1 :]
            assert await system.store.records.replace(replace(page, body=body))
            await whole.vendors.load("halopsa", small.halopsa())
            ran = await whole.again(system, ran.run.run)
            [named] = await line_audit(system.store.records, TENANT, ran.run.run)
        assert ran.run.problem == "raw-altered"
        assert "page 1 is not what Pax8 sent any more (row 1)" in ran.run.text
        assert "restore the data folder from a backup" in ran.run.text
        assert not ran.statement.complete
        assert named.problem == "raw-altered"
        assert len(posted_by_line(await whole.vendors.state("halopsa"))) == 1

    in_virtual_time(story())
