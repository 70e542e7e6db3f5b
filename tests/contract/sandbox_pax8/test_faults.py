"""Faults on request: each kind spoils exactly the calls it was asked to, and is counted."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.core import ConnectionReset, LostAnswer

from .conftest import Pax8
from .rows import CREDENTIALS, company, document, invoice

ITEMS = f"/invoices/{invoice()['id']}/items"


async def read_items(vendor: Pax8, size: int = 200) -> tuple[list[str], list[int]]:
    """The ids of all rows as a plain reader gets them, and the total each page promised."""
    rows: list[str] = []
    totals: list[int] = []
    for number in range(50):
        body = (await vendor.get(ITEMS, page=number, size=size)).json()
        rows += [row["id"] for row in body.get("content", [])]
        totals.append(body["page"]["totalElements"])
        if number + 1 >= body["page"]["totalPages"]:
            break
    return rows, totals


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "rate_limit"}, 429, "TOO_MANY_REQUESTS"),
        ({"kind": "empty_500"}, 500, ""),
        ({"kind": "error_500"}, 500, "INTERNAL_SERVER_ERROR"),
        ({"kind": "html"}, 502, "<html>"),
        ({"kind": "html", "status": 200}, 200, "<html>"),
        ({"kind": "unauthorized"}, 401, "UNAUTHORIZED"),
        ({"kind": "forbidden"}, 403, "FORBIDDEN"),
    ],
)
async def test_a_fault_answers_once_and_is_counted(
    vendor: Pax8, fault: dict[str, Any], status: int, text: str
) -> None:
    await vendor.spoil(fault)
    spoilt = await vendor.get("/companies")
    assert spoilt.status_code == status
    assert text in spoilt.text
    assert (await vendor.get("/companies")).json()["page"]["totalElements"] == 0
    state = await vendor.state()
    assert state["faults"] == {"pending": [], "fired": {fault["kind"]: 1}}
    assert state["calls"]["GET /companies"] == 2


async def test_an_empty_500_has_no_body(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "empty_500"})
    assert (await vendor.get("/companies")).content == b""


async def test_a_rate_limit_says_how_long_to_wait_only_if_told_to(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "rate_limit", "retry_after": 7}, {"kind": "rate_limit"})
    assert (await vendor.get("/companies")).headers["Retry-After"] == "7"
    assert "Retry-After" not in (await vendor.get("/companies")).headers


@pytest.mark.parametrize(
    ("kind", "error"), [("lost_answer", LostAnswer), ("reset", ConnectionReset)]
)
async def test_a_broken_connection_is_a_transport_error(
    vendor: Pax8, kind: str, error: type[Exception]
) -> None:
    await vendor.spoil({"kind": kind})
    with pytest.raises(httpx.TransportError) as raised:
        await vendor.get("/companies")
    assert raised.type is error
    assert (await vendor.get("/companies")).status_code == 200


async def test_a_truncated_answer_is_cut_json(vendor: Pax8) -> None:
    await vendor.load(companies=[company(1)])
    await vendor.spoil({"kind": "truncated"})
    answer = await vendor.get("/companies")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"delimiter|Expecting|Unterminated"):
        answer.json()


async def test_slow_takes_its_seconds_and_then_answers(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "slow", "seconds": 0.02})
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await vendor.get("/companies")).status_code == 200
    assert loop.time() - started >= 0.019


async def test_latency_is_a_control_and_hits_every_call(vendor: Pax8) -> None:
    await vendor.http.post("/_sandbox/pax8/faults", json={"latency_s": 0.01})
    loop = asyncio.get_running_loop()
    started = loop.time()
    await vendor.get("/companies")
    await vendor.get("/companies")
    assert loop.time() - started >= 0.019


async def test_after_lets_calls_through_and_times_limits(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "empty_500", "after": 1, "times": 2})
    seen = [(await vendor.get("/companies")).status_code for _ in range(4)]
    assert seen == [200, 500, 500, 200]


async def test_minus_one_spoils_until_the_faults_are_cleared(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "empty_500", "times": -1})
    assert [(await vendor.get("/companies")).status_code for _ in range(3)] == [500] * 3
    await vendor.http.delete("/_sandbox/pax8/faults")
    assert (await vendor.get("/companies")).status_code == 200


async def test_method_and_path_choose_the_calls(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(1)])
    await vendor.spoil(
        {"kind": "empty_500", "path": "/INVOICES/{id}/items", "method": "get"},
        {"kind": "empty_500", "path": "/invoices", "method": "POST"},
        {"kind": "empty_500", "path": "/invoice", "times": -1},
    )
    assert (await vendor.get("/invoices")).status_code == 200
    assert (await vendor.get("/invoices-else")).status_code == 404
    assert (await vendor.get(ITEMS)).status_code == 500


async def test_the_token_endpoint_is_spoilt_only_by_name(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "empty_500"})
    assert (await vendor.sign_in()).status_code == 200
    await vendor.spoil({"kind": "error_500", "path": "/token"})
    assert (await vendor.sign_in()).status_code == 500


@pytest.mark.parametrize(
    "payload",
    [
        {"faults": [{"kind": "forbidden"}]},
        [{"fault": "forbidden", "count": 1}],
        {"name": "forbidden"},
        {"type": "forbidden"},
        {"forbidden": 1},
        {"forbidden": {"times": 1}},
    ],
)
async def test_a_fault_may_be_written_in_several_ways(vendor: Pax8, payload: Any) -> None:
    await vendor.http.post("/_sandbox/pax8/faults", json=payload)
    assert (await vendor.get("/companies")).status_code == 403
    assert (await vendor.get("/companies")).status_code == 200


async def test_an_unknown_fault_is_refused_with_the_known_kinds(vendor: Pax8) -> None:
    answer = await vendor.spoil({"kind": "forbidden"}, {"kind": "gremlin"})
    assert answer.status_code == 422
    assert "duplicate_row" in answer.json()["kinds"]
    assert (await vendor.state())["faults"]["pending"] == []


async def test_a_page_may_silently_lack_its_last_row(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(5)])
    await vendor.spoil({"kind": "truncate_page", "path": ITEMS})
    rows, totals = await read_items(vendor)
    assert (len(rows), totals) == (4, [5])
    assert len((await read_items(vendor))[0]) == 5


async def test_a_short_page_may_lie_in_its_counters_too(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(5)])
    await vendor.spoil({"kind": "truncate_page", "rows": 2, "consistent": True})
    rows, totals = await read_items(vendor)
    assert (len(rows), totals) == (3, [3])


async def test_items_may_disappear_between_pages(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(6)])
    await vendor.spoil({"kind": "changes_between_pages"})
    rows, totals = await read_items(vendor, size=2)
    assert totals == [6, 5, 6]
    assert len(rows) == len(set(rows)) + 1, "row 5 is read twice, row 3 never"
    assert len(set((await read_items(vendor, size=2))[0])) == 6, "the invoice has settled"


async def test_items_may_appear_between_pages(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(4)])
    await vendor.spoil({"kind": "changes_between_pages", "change": "appears"})
    rows, totals = await read_items(vendor, size=2)
    assert totals == [4, 5, 4]
    assert len(rows) > len(set(rows)), "a row slid onto the next page"


async def test_a_row_may_come_twice(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(3)])
    await vendor.spoil({"kind": "duplicate_row"})
    rows, totals = await read_items(vendor)
    assert (len(rows), len(set(rows)), totals) == (4, 3, [3])


async def test_a_row_that_comes_twice_may_push_another_out(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(3)])
    await vendor.spoil({"kind": "duplicate_row", "displace": True})
    rows, totals = await read_items(vendor)
    assert (len(rows), len(set(rows)), totals) == (3, 2, [3])


async def test_paging_may_be_ignored(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(5)])
    await vendor.spoil({"kind": "page_cap_ignored", "times": -1})
    body = (await vendor.get(ITEMS, page=1, size=2)).json()
    assert len(body["content"]) == 5
    assert body["page"] == {"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}


async def test_a_draft_may_time_out(vendor: Pax8) -> None:
    await vendor.spoil({"kind": "draft_timeout"})
    answer = await vendor.get("/invoices/draftItems")
    assert answer.status_code == 408
    assert answer.json()["type"] == "REQUEST_TIMEOUT"


async def test_bad_credentials_get_the_odd_body(vendor: Pax8) -> None:
    odd = {"error": "access_denied", "error_description": "Unauthorized"}
    for changes in (
        {"client_id": "bad"},
        {"client_secret": ""},
        {"audience": "https://elsewhere"},
        {"grant_type": "password"},
    ):
        answer = await vendor.http.post("/pax8/v1/token", json=CREDENTIALS | changes)
        assert (answer.status_code, answer.json()) == (401, odd), changes


async def test_a_token_lasts_a_day_and_has_no_refresh_token(vendor: Pax8) -> None:
    body = (await vendor.sign_in()).json()
    assert (body["expires_in"], body["token_type"]) == (86400, "Bearer")
    assert "refresh_token" not in body


async def test_the_token_wants_json(vendor: Pax8) -> None:
    answer = await vendor.http.post("/pax8/v1/token", data=CREDENTIALS)
    assert answer.status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer nobody", "Basic abc"])
async def test_without_a_known_token_every_call_is_401(vendor: Pax8, header: str) -> None:
    answer = await vendor.http.get("/pax8/v1/companies", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["type"]) == (401, "UNAUTHORIZED")
