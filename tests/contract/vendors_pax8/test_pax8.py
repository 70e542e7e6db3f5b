"""The Pax8 client against the sandbox: lists whole or not at all, amounts to the last digit."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chassis.errors import PermanentError, TransientError
from sandbox import pax8 as sandbox_pax8
from sandbox.app import build_app
from support.vendors import TestLine
from vendors.pax8 import Pax8, Pax8Credentials, parse_items
from vendors.probe import probe_pax8


class System:
    def __init__(self, client_id: str = "id") -> None:
        self.app = build_app(None, vendors={"pax8": sandbox_pax8.build})
        self.line = TestLine(httpx.ASGITransport(app=self.app))
        credentials = Pax8Credentials(client_id, SecretStr("s"))
        self.pax8 = Pax8("http://sandbox/pax8", credentials, self.line.line)

    async def load(self, **payload: Any) -> None:
        answer = await self.line.http.post("http://sandbox/_sandbox/pax8/load", json=payload)
        assert answer.status_code == 200, answer.text

    async def spoil(self, **fault: Any) -> None:
        await self.line.http.post("http://sandbox/_sandbox/pax8/faults", json={"faults": [fault]})


@pytest.fixture
async def system() -> AsyncIterator[System]:
    built = System()
    yield built
    await built.line.http.aclose()
    built.app.close()


def invoice(number: int, items: int = 0, **changes: Any) -> dict[str, Any]:
    head = {"id": f"i{number}", "invoiceDate": "2026-11-01", "status": "Unpaid"} | changes
    return {"invoice": head, "items": [{"id": f"{k}", "total": 1.25} for k in range(items)]}


def companies(count: int) -> list[dict[str, Any]]:
    return [{"id": f"c{number}", "name": f"Company {number:04}"} for number in range(count)]


async def test_invoices_of_a_range(system: System) -> None:
    await system.load(
        invoices=[
            invoice(1, invoiceDate="2026-09-01"),
            invoice(2, dueDate="1900-01-01", total=10.50, status="SomethingNew", new={"x": 1}),
            invoice(3, invoiceDate="2026-12-01"),
        ]
    )
    (found,) = await system.pax8.invoices(date(2026, 10, 1), date(2026, 11, 30))
    assert (found.id, found.invoice_date, found.due_date) == ("i2", date(2026, 11, 1), None)
    assert (found.total, found.status) == (Decimal("10.5"), "SomethingNew")
    assert len(await system.pax8.invoices()) == 3


async def test_all_pages_are_read_and_the_counters_are_the_nested_ones(system: System) -> None:
    await system.load(companies=companies(450))
    assert len(await system.pax8.companies()) == 450
    assert len(await system.pax8.subscriptions()) == 0


@pytest.mark.parametrize("items", [0, 1, 200, 201, 450])
async def test_items_come_in_raw_pages(system: System, items: int) -> None:
    await system.load(invoices=[invoice(1, items)])
    first = await system.pax8.item_page("i1", 0)
    rest = [await system.pax8.item_page("i1", n) for n in range(1, first.total_pages)]
    read = [item for page in (first, *rest) for item in parse_items(page.raw)]
    assert len(read) == first.total_elements == items
    assert [page.rows for page in (first, *rest)] == [
        len(parse_items(page.raw)) for page in (first, *rest)
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "changes_between_pages"},
        {"kind": "changes_between_pages", "change": "appears"},
        {"kind": "truncate_page"},
        {"kind": "duplicate_row"},
        {"kind": "duplicate_row", "displace": True},
        {"kind": "page_cap_ignored", "times": -1},
        {"kind": "page_cap_ignored", "after": 1},
        {"kind": "truncated"},
        {"kind": "html", "status": 200},
        {"kind": "empty_500"},
        {"kind": "rate_limit", "retry_after": 3},
        {"kind": "reset"},
        {"kind": "unauthorized"},
    ],
)
async def test_a_list_that_is_spoilt_once_still_comes_whole(
    system: System, fault: dict[str, Any]
) -> None:
    await system.load(companies=companies(450))
    await system.spoil(**fault)
    assert len({company.id for company in await system.pax8.companies()}) == 450


@pytest.mark.parametrize("kind", ["truncate_page", "duplicate_row", "changes_between_pages"])
async def test_a_list_that_stays_incomplete_is_no_list(system: System, kind: str) -> None:
    await system.load(companies=companies(450))
    await system.spoil(kind=kind, times=-1)
    with pytest.raises(TransientError) as raised:
        await system.pax8.companies()
    assert raised.value.code == "list-incomplete"


async def test_paging_that_is_ignored_makes_one_page_of_all(system: System) -> None:
    await system.load(invoices=[invoice(1, 450)])
    await system.spoil(kind="page_cap_ignored", times=-1)
    page = await system.pax8.item_page("i1", 0)
    assert (page.rows, page.total_pages) == (450, 1)
    with pytest.raises(TransientError, match="450 rows"):
        await system.pax8.item_page("i1", 1)


async def test_a_draft_that_takes_too_long_is_waited_for(system: System) -> None:
    await system.load(draft_items=[{"id": "d", "startPeriod": "2026-11-01"}])
    await system.spoil(kind="draft_timeout")
    assert (await system.pax8.draft_page(0, 0)).number == 0
    assert system.line.clock.slept == [1.0]


async def test_bad_credentials_and_missing_rights_are_found_by_name() -> None:
    (finding,) = await probe_pax8(System("bad").pax8)
    assert (finding.right, finding.ok) == ("sign-in", False)
    system = System()
    await system.load(invoices=[invoice(1, 3)])
    assert all(finding.ok for finding in await probe_pax8(system.pax8))
    await system.spoil(kind="forbidden", path="/invoices/{id}/items", times=-1)
    missing = [finding.right for finding in await probe_pax8(system.pax8) if not finding.ok]
    assert missing == ["invoice items"]


async def test_an_unknown_invoice_is_permanent(system: System) -> None:
    with pytest.raises(PermanentError, match="Invoice does not exist") as raised:
        await system.pax8.item_page("nobody", 0)
    assert raised.value.code == "pax8-missing"


def page(rows: str) -> bytes:
    return f'{{"content":[{rows}],"page":{{"totalElements":1}}}}'.encode()


@given(st.integers(0, 24).flatmap(lambda n: st.decimals(1 - 10**15, 10**15 - 1, places=n)))
def test_an_amount_is_exactly_the_numeral_on_the_wire(amount: Decimal) -> None:
    (item,) = parse_items(page(f'{{"total":{amount}}}'))
    assert item.total == amount


@pytest.mark.parametrize("missing", ["{}", '{"id":null,"total":null,"type":null,"endPeriod":null}'])
def test_everything_may_be_missing(missing: str) -> None:
    (item,) = parse_items(page(missing))
    assert item.model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ('{"endPeriod":"1900-01-01"}', "end_period", None),
        ('{"endPeriod":""}', "end_period", None),
        ('{"endPeriod":"2026-03-31T00:00:00Z"}', "end_period", date(2026, 3, 31)),
        ('{"startPeriod":"soon"}', "start_period", "soon"),
        ('{"startPeriod":"2026-03-01T09:30:00Z"}', "start_period", date(2026, 3, 1)),
        ('{"billedByPax8":"maybe"}', "billed_by_pax8", "maybe"),
        ('{"id":7}', "id", "7"),
        ('{"sku":12.50}', "sku", "12.50"),
        ('{"total":"12.50"}', "total", Decimal("12.50")),
        ('{"total":""}', "total", None),
        ('{"quantity":1.0}', "quantity", Decimal(1)),
        ('{"billedByPax8":"true"}', "billed_by_pax8", True),
        ('{"type":"brand-new","term":"Sometimes"}', "type", "brand-new"),
    ],
)
def test_odd_values_do_not_break_a_read(row: str, field: str, value: object) -> None:
    (item,) = parse_items(page(row))
    assert getattr(item, field) == value


def test_an_amount_that_is_none_is_not_read_as_zero() -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_items(page('{"total":"twelve"}'))


@pytest.mark.parametrize("raw", [b"[]", b"<html>", b'{"content":7}', b'{"other":[]}'])
def test_what_is_no_page_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's is one too
        parse_items(raw)
