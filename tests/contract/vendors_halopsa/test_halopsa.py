"""The HaloPSA client against the sandbox: lists, documents to the last digit, writes and rights."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import PermanentError, TransientError, UnknownOutcome
from sandbox import halopsa as sandbox_halopsa
from sandbox.app import build_app
from support.vendors import Scripted, TestLine
from vendors.halopsa import Halo, HaloCredentials, HaloInvoice
from vendors.probe import probe_halo


class System:
    def __init__(self, client_id: str = "id", scope: str = "all") -> None:
        self.app = build_app(
            None, today=date(2026, 11, 5), vendors={"halopsa": sandbox_halopsa.build}
        )
        self.line = TestLine(httpx.ASGITransport(app=self.app))
        credentials = HaloCredentials(client_id, SecretStr("s"), scope=scope)
        self.halo = Halo("http://sandbox/halopsa", credentials, self.line.line)

    async def load(self, **payload: Any) -> None:
        answer = await self.line.http.post("http://sandbox/_sandbox/halopsa/load", json=payload)
        assert answer.status_code == 200, answer.text

    async def spoil(self, **fault: Any) -> None:
        url = "http://sandbox/_sandbox/halopsa/faults"
        await self.line.http.post(url, json={"faults": [fault]})

    async def calls(self) -> dict[str, int]:
        state = await self.line.http.get("http://sandbox/_sandbox/halopsa/state")
        return dict(state.json()["calls"])


@pytest.fixture
async def system() -> AsyncIterator[System]:
    built = System()
    await built.load(clients=[{"id": 42, "name": "Larkfield"}], items=[{"id": 901, "name": "M365"}])
    yield built
    await built.line.http.aclose()
    built.app.close()


def clients(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"Client {number}"} for number in range(1, count + 1)]


def invoice(number: int, day: str = "2026-11-01", **changes: Any) -> dict[str, Any]:
    line = {"id": abs(number), "qty_order": 2, "unit_price": 1.25, "comment_2": f"ref {number}"}
    head = {"id": number, "client_id": 42, "invoice_date": f"{day}T00:00:00", "lines": [line]}
    return head | changes


@pytest.mark.parametrize("count", [0, 1, 50, 100, 101, 350])
async def test_a_list_is_read_whole_at_the_vendors_page_size(count: int) -> None:
    system = System()
    await system.load(clients=clients(count))
    assert len(await system.halo.clients()) == count
    assert (await system.calls())["GET /Client"] == max(1, -(-count // 100))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncate_page", "path": "/Client"},
        {"kind": "truncate_page", "path": "/Client", "consistent": True, "after": 1},
        {"kind": "page_cap_ignored", "times": -1},
        {"kind": "page_cap_ignored", "after": 1},
        {"kind": "truncated"},
        {"kind": "html", "status": 200},
        {"kind": "empty_500"},
        {"kind": "rate_limit"},
        {"kind": "unauthorized"},
        {"kind": "reset"},
    ],
)
async def test_a_list_that_is_spoilt_once_still_comes_whole(fault: dict[str, Any]) -> None:
    system = System()
    await system.load(clients=clients(250))
    await system.spoil(**fault)
    assert {client.id for client in await system.halo.clients()} == set(range(1, 251))


async def test_a_list_that_stays_incomplete_is_no_list(system: System) -> None:
    await system.load(clients=clients(150))
    await system.spoil(kind="truncate_page", path="/Client", times=-1)
    with pytest.raises(TransientError) as raised:
        await system.halo.clients()
    assert raised.value.code == "list-incomplete"


@pytest.mark.parametrize("ignored", [False, True])
async def test_a_window_is_checked_row_by_row(system: System, ignored: bool) -> None:
    await system.load(
        invoices=[invoice(1, "2026-09-30"), invoice(2, "2026-10-01"), invoice(3)],
        settings={"date_filters_ignored": ignored},
    )
    found = await system.halo.invoices(date(2026, 10, 1))
    assert [(one.id, len(one.lines)) for one in found] == [(2, 1), (3, 1)]


async def test_the_newest_are_met_in_pages_until_all_were_seen(system: System) -> None:
    await system.load(invoices=[invoice(number) for number in range(1, 251)])
    found = await system.halo.newest_invoices({250, 160, 151}, max_pages=5)
    assert {one.id for one in found} == {250, 160, 151}
    assert all(one.lines for one in found)
    assert (await system.calls())["GET /Invoice"] == 1
    assert await system.halo.newest_invoices({999}, max_pages=5) == []
    assert await system.halo.newest_invoices({1}, max_pages=2) == [], "the limit holds"


async def test_foreign_lines_survive_a_round_trip_numeral_by_numeral(system: System) -> None:
    body = """{"clients":[{"id":42,"name":"L"}],"recurring_invoices":[{"id":-94,"client_id":42,
      "period":2,"lines":[{"id":24967,"ihid":-94,"qty_order":51.00,"unit_price":4.123456789012345678,
      "foreign_field":1.10,"enddate":"1900-01-01T00:00:00"}]}]}"""
    url = "http://sandbox/_sandbox/halopsa/load"
    await system.line.http.post(url, content=body)
    before = await system.halo.recurring_invoice(-94)
    assert before is not None
    (line,) = before.lines
    assert str(line.unit_price) == "4.123456789012345678"
    assert (str(line.qty_order), line.enddate) == ("51.00", None)
    await system.halo.update_recurring_invoice({"id": -94, "lines": before.raw["lines"]})
    (listed,) = await system.halo.recurring_invoices()
    assert str(listed.lines[0].raw["unit_price"]) == "4.123456789012345678"


async def test_documents_are_written_and_read_back(system: System) -> None:
    halo = system.halo
    group = await halo.create_asset_group({"name": "BillingBot", "showasitem": True})
    item = await halo.create_item({"name": "New", "assetgroup_id": group})
    line = {"_itemid": item, "qty_order": Decimal("1.5"), "unit_price": Decimal("2.10")}
    made = await halo.create_invoice({"client_id": 42, "reference": "R", "lines": [line]})
    await halo.update_invoice_lines([{"ihid": made, "qty_order": 1, "unit_price": 3}])
    await halo.update_invoice({"id": made, "internal_note": "note"})
    read = await halo.invoice(made)
    assert read is not None
    assert (read.reference, read.voided, read.has_lines) == ("R", False, True)
    assert [(one.item_id, one.unit_price) for one in read.lines] == [
        (item, Decimal("2.10")),
        (0, Decimal(3)),
    ]
    assert (read.internal_note, read.invoice_date) == ("note", date(2026, 11, 5))
    assert [one.id for one in await halo.invoices(date(2026, 10, 1), "R")] == [made]
    await halo.void_invoice(made)
    voided = await halo.invoice(made)
    assert voided is not None
    assert voided.voided
    await halo.delete_invoice(made)
    assert await halo.invoice(made) is None


async def test_a_lost_answer_is_an_unknown_outcome_and_is_sent_once(system: System) -> None:
    await system.spoil(kind="lost_answer", method="POST")
    with pytest.raises(UnknownOutcome):
        await system.halo.create_invoice({"client_id": 42, "reference": "R", "lines": []})
    assert (await system.calls())["POST /Invoice"] == 1
    assert len(await system.halo.invoices(date(2026, 10, 1), "R")) == 1, "it had happened"


async def test_a_refusal_carries_the_vendors_words(system: System) -> None:
    with pytest.raises(PermanentError, match="select a customer") as refused:
        await system.halo.create_invoice({"lines": []})
    assert refused.value.code == "halopsa-refused"
    with pytest.raises(PermanentError, match=r"\[0\]\.client_id: The customer does not exist"):
        await system.halo.create_invoice({"client_id": 7, "lines": []})


async def test_rights_are_probed_by_name() -> None:
    (finding,) = await probe_halo(System("bad").halo)
    assert (finding.right, finding.ok) == ("sign-in", False)
    system = System()
    assert {finding.right for finding in await probe_halo(system.halo) if finding.ok is None} == {
        "invoice details",
        "edit:items",
        "edit:invoices",
    }
    await system.load(
        clients=[{"id": 42, "name": "L"}],
        invoices=[invoice(1)],
        settings={"missing_rights": ["tax", "control", "invoice"]},
    )
    missing = {finding.right for finding in await probe_halo(system.halo) if finding.ok is False}
    assert missing == {"tax", "control", "invoice details"}


async def test_a_scope_that_is_not_granted_is_found_before_the_first_write() -> None:
    system = System(scope="read:customers read:items read:invoices edit:items")
    missing = {finding.right for finding in await probe_halo(system.halo) if finding.ok is False}
    assert missing == {"edit:invoices"}


async def read_as_items(*bodies: Any) -> tuple[list[int], Scripted]:
    script = Scripted(*(httpx.Response(200, json=body) for body in bodies))
    halo = Halo("https://h", HaloCredentials("id", SecretStr("s")), TestLine(script.transport).line)
    return [item.id for item in await halo.items()], script


@pytest.mark.parametrize(
    "body",
    [
        [{"id": 1}, {"id": 2.0}],
        {"record_count": 2, "items": [{"id": 1}, {"id": 2}], "columns": [{"id": 9}]},
        {"record_count": 2, "rows": [{"id": 1}, {"id": 2}]},
        {"items": [{"id": 1}, {"id": 2, "name": None, "status": None, "new": {}}]},
    ],
)
async def test_rows_are_found_in_any_known_envelope(body: Any) -> None:
    assert (await read_as_items(body))[0] == [1, 2]


@pytest.mark.parametrize("body", [{"a": [], "b": []}, {"record_count": 0}, "text", [1, 2]])
async def test_an_unclear_envelope_is_a_failure(body: Any) -> None:
    with pytest.raises(TransientError) as raised:
        await read_as_items(body)
    assert raised.value.code == "halopsa-answer"


async def test_the_vendors_smaller_page_size_is_kept_to() -> None:
    def page(number: int) -> dict[str, Any]:
        rows = [{"id": number * 2 - 1}, {"id": number * 2}]
        return {"record_count": 4, "page_size": 2, "page_no": number, "items": rows}

    found, script = await read_as_items(page(1), page(2))
    assert found == [1, 2, 3, 4]
    assert [dict(one.url.params)["page_size"] for one in script.requests] == ["100", "2"]


async def test_a_list_without_a_count_ends_when_it_repeats_itself() -> None:
    full = {"items": [{"id": number} for number in range(100)]}
    found, script = await read_as_items(full)
    assert len(found) == 100
    assert len(script.requests) == 2


def test_any_field_of_a_document_may_be_missing_or_odd() -> None:
    bare = HaloInvoice({"id": -94.0, "lines": None, "client_id": None, "duedate": "1901-01-01"})
    assert (bare.id, bare.lines, bare.has_lines) == (-94, [], False)
    assert (bare.client_id, bare.duedate, bare.total) == (0, None, Decimal(0))
    line = HaloInvoice({"lines": [{"item_code": "901", "qty_order": "2"}, None]}).lines[0]
    assert (line.item_id, line.qty_order, line.is_calculated) == (901, Decimal(2), False)
