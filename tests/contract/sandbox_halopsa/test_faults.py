"""Faults on request: each kind once, with what it leaves behind."""

from typing import Any

import httpx
import pytest

from .conftest import Halo
from .rows import line, recurring


async def stored(halo: Halo, number: int) -> list[tuple[Any, Any]]:
    read = await halo.read("/Invoice", number)
    return [(one["qty_order"], one["unit_price"]) for one in read["lines"]]


async def fired(halo: Halo) -> Any:
    return (await halo.state())["faults"]["fired"]


async def test_a_lost_answer_has_been_committed(halo: Halo) -> None:
    await halo.spoil({"kind": "lost_answer", "method": "POST", "path": "/Invoice"})
    with pytest.raises(httpx.TransportError):
        await halo.invoice(reference="PX8-1")
    rows = (await halo.get("/Invoice")).json()["invoices"]
    assert [row["reference"] for row in rows] == ["PX8-1"]


async def test_a_reset_connection_has_done_nothing(halo: Halo) -> None:
    await halo.spoil({"kind": "reset", "method": "POST"})
    with pytest.raises(httpx.TransportError):
        await halo.invoice()
    assert (await halo.get("/Invoice")).json()["record_count"] == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "rate_limit"}, 429),
        ({"kind": "empty_500"}, 500),
        ({"kind": "error_500"}, 500),
        ({"kind": "html"}, 502),
        ({"kind": "html", "status": 200}, 200),
        ({"kind": "unauthorized"}, 401),
        ({"kind": "forbidden"}, 403),
    ],
)
async def test_an_error_answer_comes_once(halo: Halo, fault: dict[str, Any], status: int) -> None:
    await halo.spoil(fault)
    answer = await halo.get("/Invoice")
    assert answer.status_code == status
    if fault["kind"] == "empty_500":
        assert answer.content == b""
    if fault["kind"] == "html":
        assert answer.headers["content-type"].startswith("text/html")
    again = await halo.get("/Invoice")
    assert again.json() == {"record_count": 0, "invoices": []}
    assert await fired(halo) == {fault["kind"]: 1}


async def test_a_limit_may_come_with_a_wait(halo: Halo) -> None:
    await halo.spoil({"kind": "rate_limit", "retry_after": 3})
    assert (await halo.get("/Invoice")).headers["Retry-After"] == "3"


async def test_a_truncated_body_is_no_json(halo: Halo) -> None:
    await halo.spoil({"kind": "truncated"})
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        (await halo.get("/Client")).json()


async def test_a_slow_answer_still_comes(halo: Halo) -> None:
    await halo.spoil({"kind": "slow", "seconds": 0.001})
    assert (await halo.get("/Client")).status_code == 200
    assert await fired(halo) == {"slow": 1}


async def test_a_page_may_lack_a_row_its_counter_promises(halo: Halo) -> None:
    await halo.load(invoices=[{"id": n, "client_id": 42} for n in (1, 2, 3)])
    cut = {"kind": "truncate_page", "path": "/Invoice"}
    await halo.spoil(cut, cut | {"consistent": True})
    assert len((await halo.get("/Client")).json()["clients"]) == 1
    for promised in (3, 2):
        body = (await halo.get("/Invoice", pageinate="true", page_size=50)).json()
        assert [row["id"] for row in body["invoices"]] == [1, 2]
        assert body["record_count"] == promised


async def test_a_page_of_lines_may_be_cut_after_a_write_was_confirmed(halo: Halo) -> None:
    await halo.spoil({"kind": "truncate_page"})
    made = await halo.invoice(lines=[line(qty_order=1, unit_price=10), line()])
    number = made["id"]
    for _ in range(2):
        read = (await halo.get(f"/Invoice/{number}", includedetails="true")).json()
        assert [line["unit_price"] for line in read["lines"]] == [10]
        [row] = (await halo.get("/Invoice", includelines="true")).json()["invoices"]
        assert [line["unit_price"] for line in row["lines"]] == [10]
    kept = (await halo.state())["entities"]["invoices"][0]["lines"]
    assert [line["unit_price"] for line in kept] == [10, 20.5]
    assert await fired(halo) == {"truncate_page": 1}


async def test_a_page_may_ignore_how_it_was_asked_for(halo: Halo) -> None:
    await halo.load(invoices=[{"id": n, "client_id": 42} for n in range(1, 151)])
    await halo.spoil({"kind": "page_cap_ignored"})
    page = {"pageinate": "true", "page_size": 100, "page_no": 2}
    assert len((await halo.get("/Invoice", **page)).json()["invoices"]) == 150
    assert len((await halo.get("/Invoice", **page)).json()["invoices"]) == 50


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({"alter_line": 1}, [(1, 10), (3, 21.5)]),
        ({"kind": "alter_line", "amount": "0.01", "line": 0}, [(1, 10.01), (3, 20.5)]),
        ({"kind": "drop_line"}, [(1, 10)]),
        ({"kind": "double_line"}, [(1, 10), (3, 20.5), (3, 20.5)]),
        ({"kind": "quantity_to_one"}, [(1, 10), (1, 20.5)]),
    ],
)
async def test_a_write_is_confirmed_and_kept_differently(
    halo: Halo, fault: dict[str, Any], left: list[tuple[float, float]]
) -> None:
    await halo.spoil(fault)
    made = await halo.invoice(lines=[line(qty_order=1, unit_price=10), line()])
    echoed = [(one["qty_order"], one["unit_price"]) for one in made["lines"]]
    assert echoed == [(1, 10), (3, 20.5)]
    assert await stored(halo, made["id"]) == left
    read = await halo.read("/Invoice", made["id"])
    assert read["total"] == pytest.approx(sum(q * p for q, p in left))
    assert sum((await fired(halo)).values()) == 1


async def test_a_write_fault_waits_for_a_write_it_can_harm(halo: Halo) -> None:
    await halo.spoil({"kind": "quantity_to_one"})
    first = await halo.invoice(lines=[line(qty_order=1)])
    assert await stored(halo, first["id"]) == [(1, 20.5)]
    assert await fired(halo) == {}
    second = await halo.invoice(lines=[line(qty_order=2)])
    assert await stored(halo, second["id"]) == [(1, 20.5)]


async def test_a_write_fault_spares_lines_that_were_only_sent_back(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring(lines=[line(id=1), line(id=2)])])
    ours, foreign = (await halo.read("/RecurringInvoice", -94))["lines"]
    await halo.spoil({"kind": "drop_line"})
    sent = [ours | {"qty_order": 9}, foreign]
    await halo.post("/RecurringInvoice", {"id": -94, "lines": sent})
    left = (await halo.read("/RecurringInvoice", -94))["lines"]
    assert [one["id"] for one in left] == [2]


async def test_a_new_invoice_may_be_missing_from_lists_for_a_while(halo: Halo) -> None:
    await halo.spoil({"kind": "stale_list", "lists": 2})
    number = (await halo.invoice())["id"]
    counts = [(await halo.get("/Invoice")).json()["record_count"] for _ in range(3)]
    assert counts == [0, 0, 1]
    assert (await halo.get(f"/Invoice/{number}")).status_code == 200


async def test_an_unknown_fault_is_refused_with_the_known_ones(halo: Halo) -> None:
    answer = await halo.http.post("/_sandbox/halopsa/faults", json={"kind": "gremlin"})
    assert answer.status_code == 422
    assert {"alter_line", "stale_list", "xero_late"} <= set(answer.json()["kinds"])
