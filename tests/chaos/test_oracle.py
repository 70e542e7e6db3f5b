"""The judge itself: each thing that can go wrong at the destination is seen, and named."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import oracle

ITEM = {
    "id": "i1",
    "type": "subscription",
    "companyId": "c1",
    "quantity": 3,
    "term": "Monthly",
    "sku": "MST-365",
    "description": "Business Premium seats",
    "total": Decimal("22.50"),
    "costTotal": Decimal("18.75"),
    "currencyCode": "USD",
}
SETTINGS: dict[str, Any] = {"client": [{"company": "c1", "halo": 101}], "policy": {}}
FOREIGN = {"id": 71, "item_shortdescription": "Callout", "qty_order": 1, "unit_price": 80}


def load(*items: dict[str, Any]) -> dict[str, Any]:
    invoice = {"id": "d1", "invoiceDate": "2026-11-01", "currencyCode": "USD", "status": "Unpaid"}
    return {
        "pax8": {"invoices": [{"invoice": invoice, "items": list(items) or [ITEM]}]},
        "halopsa": {
            "clients": [{"id": 101, "default_currency_code": 1}],
            "currencies": [{"id": 1, "code": "USD"}],
            "invoices": [{"id": 7, "client_id": 101, "currency_code": 1, "lines": [FOREIGN]}],
        },
    }


def state(*lines: dict[str, Any], **header: Any) -> dict[str, Any]:
    ours = {"id": 8, "client_id": 101, "currency_code": 1, "lines": list(lines)} | header
    there: dict[str, Any] = copy.deepcopy(load()["halopsa"])
    there["invoices"].append(ours)
    return there


def line(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "comment_2": f"line_{number:08d} slot CL-1 2026-11-01 pax8",
        "item_shortdescription": "Business Premium seats",
        "qty_order": 3,
        "unit_price": Decimal("7.50"),
        "unit_cost": Decimal("6.25"),
    } | changes


def found(there: dict[str, Any], *items: dict[str, Any], **settings: Any) -> list[str]:
    verdict = oracle.judge(load(*items), SETTINGS | settings, there)
    return [f"{fault.kind} {fault.line}" for fault in verdict.faults]


def test_a_line_that_stands_once_is_right() -> None:
    assert found(state(line())) == []


def test_a_line_that_stands_nowhere_or_on_a_voided_invoice_is_lost() -> None:
    assert found(state()) == ["lost d1/i1"]
    assert found(state(line(), voided=True)) == ["lost d1/i1"]


def test_a_line_that_stands_twice_is_doubled() -> None:
    assert found(state(line(), line())) == ["doubled line_00000001"]
    assert found(state(line(1), line(2))) == ["doubled line_00000001"]


def test_another_amount_or_cost_is_unbalanced() -> None:
    assert found(state(line(unit_price=Decimal("7.51")))) == ["unbalanced d1/i1"]
    assert found(state(line(unit_cost=6))) == ["unbalanced d1/i1"]


def test_another_client_gets_nothing() -> None:
    assert found(state(line(), client_id=102)) == ["lost d1/i1", "doubled line_00000001"]


def test_dropped_excluded_and_held_lines_stand_nowhere() -> None:
    given = {"excluded": ITEM | {"billedByPax8": True}, "held": ITEM | {"companyId": None}}
    for item in given.values():
        assert found(state(), item) == []
        assert found(state(line()), item) == ["doubled line_00000001"]
    credit = ITEM | {"type": "prorate", "total": -1, "costTotal": -1}
    assert found(state(line()), ITEM, credit, policy={"drop_prorata": True}) == []


def test_azure_charges_stand_as_one_sum() -> None:
    usage = ITEM | {"term": "Arrears", "description": "Azure plan - Arrears Charge - disks"}
    one = line(qty_order=1, unit_price=45, unit_cost=Decimal("37.5"))
    there = state(one | {"item_shortdescription": "Microsoft Azure, November, 2 charges"})
    assert found(there, usage, usage, policy={"collapse_azure": True}) == []
    assert "lost d1/i1" in found(there, usage, usage, policy={"collapse_azure": False})


def test_other_peoples_lines_are_kept_to_the_byte() -> None:
    there = state(line())
    there["invoices"][0]["lines"][0] |= {"unit_price": Decimal("80.00")}
    assert found(there) == ["unbalanced invoices 7 line 71"]
    there["invoices"][0]["lines"] = []
    assert found(there) == ["lost invoices 7 line 71"]
    del there["invoices"][0]
    assert found(there) == ["unbalanced invoices 7"]


def test_a_statement_is_held_against_the_load() -> None:
    lines = oracle.expectations(load()["pax8"], load()["halopsa"], SETTINGS)
    side = {"received": "22.50", "posted": "22.50", "unexplained": "0.00"}
    cost = {"received": "18.75", "posted": "18.75", "unexplained": "0.00"}
    shown = {"currencies": {"USD": {"price": side, "cost": cost}}}
    assert oracle.statement_gaps("d1", lines, shown) == []
    side |= {"posted": "20.50", "held": "2.00"}
    assert oracle.statement_gaps("d1", lines, shown) == [
        "d1 USD price: held is 2.00, the load says 0",
        "d1 USD price: posted with rounding is 20.50, the load says 22.50",
    ]
