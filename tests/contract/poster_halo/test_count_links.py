"""Recurring invoice lines that count our licences: planned, put there by hash, and billed (R21)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from .count_world import (
    ENDPOINTS,
    FIREWALL,
    RULE,
    CountsWorld,
    billed_by_recurring,
    counted,
    recurring_row,
    rules,
)

FOREIGN_LINK = {"id": 77, "licence_id": 900, "qty_free": 2, "minimum_qty": 0, "unique_only": True}
COUNTING = ENDPOINTS | {
    "recurring_invoice_quantity_type": 1,
    "quantity_licences": [FOREIGN_LINK],
}
OTHER = {"id": 900, "client_id": 42, "name": "Other antivirus", "count": 10}


@pytest.fixture
async def counts() -> AsyncIterator[CountsWorld]:
    one = await billed_by_recurring()
    yield one
    await one.http.aclose()
    one.app.close()


async def test_a_line_of_the_item_is_linked_and_everything_else_stays_as_it_was(
    counts: CountsWorld,
) -> None:
    before = await counts.recurring()
    (plan,) = await counts.link()
    assert (plan.operation, plan.recurring, plan.line) == ("link", -94, 9002)
    assert (plan.bills_now, plan.bills_then, plan.foreign_lines) == (12, 19, 1)
    assert await counts.recurring() == before

    (done,) = await counts.link(plan.hash)
    assert (done.operation, done.code, done.bills_now) == ("link", None, 19)
    assert counts.planned.applied
    assert counts.planned.problem is None
    firewall, endpoints = (await counts.recurring())["lines"]
    assert firewall == before["lines"][0]
    (link,) = endpoints["quantity_licences"]
    wanted = {"kind": 1, "licence_id": done.licence, "qty_free": 0, "minimum_qty": 0, "pro_rata": 0}
    assert wanted.items() <= link.items()
    assert endpoints["unit_price"] == 4.35
    assert endpoints["recurring_invoice_quantity_type"] == 1


async def test_applied_twice_plans_nothing_and_writes_nothing(counts: CountsWorld) -> None:
    (plan,) = await counts.link()
    await counts.link(plan.hash)
    await counts.control("reset_calls", {})
    (again,) = await counts.link(plan.hash)
    assert (again.operation, again.hash, again.code) == ("none", "", None)
    (planned,) = await counts.link()
    assert (planned.operation, planned.hash, planned.bills_then) == ("none", "", 19)
    assert "POST /RecurringInvoice" not in await counts.calls()


async def test_what_was_not_named_is_not_done(counts: CountsWorld) -> None:
    await counts.use(**rules(RULE, RULE | {"product": "itdr"}))
    await counts.sync(counted(42, 19), counted(42, 8, "itdr"))
    edr, itdr = await counts.link()
    assert (edr.operation, itdr.operation) == ("link", "add-line")
    await counts.link(itdr.hash)
    lines = (await counts.recurring())["lines"]
    assert [line["recurring_invoice_quantity_type"] for line in lines] == [0, 0, 1]
    assert lines[2]["item_shortdescription"] == "Huntress Managed ITDR"
    assert (lines[2]["unit_price"], lines[2]["unit_cost"]) == (3, 1)
    edr, itdr = await counts.link()
    assert (edr.operation, itdr.operation) == ("link", "none")


async def test_two_changes_of_one_recurring_invoice_are_one_write(counts: CountsWorld) -> None:
    await counts.use(**rules(RULE, RULE | {"product": "itdr", "price": "2.80"}))
    await counts.sync(counted(42, 19), counted(42, 8, "itdr"))
    hashes = [row.hash for row in await counts.link()]
    await counts.control("reset_calls", {})
    await counts.link(*hashes)
    assert (await counts.calls())["POST /RecurringInvoice"] == 1
    lines = (await counts.recurring())["lines"]
    assert [line["recurring_invoice_quantity_type"] for line in lines] == [0, 1, 1]
    assert lines[2]["unit_price"] == 2.8


async def test_a_link_of_somebody_else_on_the_line_stays_and_goes_on_counting() -> None:
    counts = await billed_by_recurring(recurring_row(-94, 42, FIREWALL, COUNTING))
    await counts.load(software_licences=[*await counts.licences(), OTHER])
    before = (await counts.recurring())["lines"][1]["quantity_licences"]
    (plan,) = await counts.link()
    assert (plan.bills_now, plan.bills_then) == (8, 8 + 19)
    (done,) = await counts.link(plan.hash)
    assert (done.code, done.bills_now) == (None, 27)
    links = (await counts.recurring())["lines"][1]["quantity_licences"]
    assert links[:1] == before
    assert links[1]["licence_id"] == plan.licence


@pytest.mark.parametrize(
    ("free", "minimum", "count", "billed"),
    [(0, 0, 21, 21), (5, 0, 21, 16), (5, 30, 21, 30), (25, 0, 21, 0), (25, 3, 21, 3)],
)
async def test_the_count_of_a_month_flows_into_the_invoice_that_halopsa_creates(
    free: int, minimum: int, count: int, billed: int
) -> None:
    rule = RULE | {"free": free, "minimum": minimum}
    counts = await billed_by_recurring(rule=rule)
    (done,) = await counts.apply_all()
    assert (done.free, done.minimum) == (free, minimum)
    await counts.sync(counted(42, count))  # the month goes on
    await counts.control("create_due", {"date": "2026-11-20"})
    (invoice,) = await counts.invoices()
    firewall, endpoints = invoice["lines"]
    assert (firewall["qty_order"], firewall["unit_price"]) == (1, 99.10)
    assert (endpoints["qty_order"], endpoints["unit_price"]) == (billed, 4.35)
    (shown,) = await counts.link()
    assert shown.bills_now == billed


async def test_a_rule_that_changed_changes_the_link_and_nothing_else(counts: CountsWorld) -> None:
    await counts.apply_all()
    linked = (await counts.recurring())["lines"]
    await counts.use(**rules(RULE | {"free": 4, "minimum": 2, "pro_rata": 2}))
    (plan,) = await counts.link()
    assert (plan.operation, plan.bills_now, plan.bills_then) == ("link", 19, 15)
    await counts.link(plan.hash)
    after = (await counts.recurring())["lines"]
    new = {"qty_free": 4, "minimum_qty": 2, "pro_rata": 2}
    assert after[0] == linked[0]
    assert after[1]["quantity_licences"] == [linked[1]["quantity_licences"][0] | new]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([recurring_row(-94, 43)], "recurring-missing"),
        ([recurring_row(-94, 42, disabled=True)], "recurring-missing"),
        ([recurring_row(-94, 42, period=4)], "recurring-missing"),
        ([recurring_row(-94, 42), recurring_row(-95, 42)], "recurring-ambiguous"),
        (
            [recurring_row(-94, 42, ENDPOINTS, ENDPOINTS | {"id": 9003})],
            "recurring-line-ambiguous",
        ),
        (
            [recurring_row(-94, 42, ENDPOINTS | {"recurring_invoice_quantity_type": 3})],
            "recurring-line-calculated",
        ),
        (
            [recurring_row(-94, 42, ENDPOINTS | {"quantity_licences": [FOREIGN_LINK]})],
            "recurring-line-calculated",
        ),
    ],
)
async def test_what_is_not_clear_is_held(rows: list[Any], code: str) -> None:
    counts = await billed_by_recurring(*rows)
    (plan,) = await counts.link()
    assert (plan.operation, plan.code, plan.hash) == ("held", code, "")
    assert plan.text
    before = [await counts.recurring(row["id"]) for row in rows]
    await counts.link("a name of nothing")
    assert counts.planned.problem == "moved"
    assert [await counts.recurring(row["id"]) for row in rows] == before


async def test_a_licence_that_is_counted_twice_or_for_another_item_is_held(
    counts: CountsWorld,
) -> None:
    await counts.apply_all()
    lines = (await counts.recurring())["lines"]
    await counts.load(recurring_invoices=[recurring_row(-95, 42, lines[1] | {"id": 9009})])
    (plan,) = await counts.link()
    assert plan.code == "licence-linked-twice"
    assert "9002" in plan.text
    assert "9009" in plan.text
    await counts.edit("recurring_invoices", -95, delete=True)
    await counts.edit("recurring_invoices", -94, line=lines[1] | {"_itemid": 12})
    (plan,) = await counts.link()
    assert plan.code == "licence-linked-elsewhere"


async def test_the_mapping_names_the_recurring_invoice() -> None:
    counts = await billed_by_recurring(recurring_row(-94, 42), recurring_row(-95, 42))
    mapped = {"source": "huntress", "company": "7042", "halo": 42, "recurring": -95}
    await counts.use(client=[mapped], **rules())
    (plan,) = await counts.link()
    assert (plan.operation, plan.recurring, plan.line) == ("add-line", -95, None)
    await counts.use(client=[mapped | {"recurring": -99}], **rules())
    (gone,) = await counts.link()
    assert gone.code == "recurring-gone"


async def test_a_recurring_invoice_is_made_only_where_a_setting_allows_it() -> None:
    counts = await billed_by_recurring(recurring_row(-94, 43))
    await counts.use(**rules(RULE, RULE | {"product": "itdr"}, create_recurring=True))
    await counts.sync(counted(42, 19), counted(42, 8, "itdr"))
    plans = await counts.link()
    assert [plan.operation for plan in plans] == ["create", "create"]
    done = await counts.link(*[plan.hash for plan in plans])
    assert {row.code for row in done} == {None}
    (number,) = {row.recurring for row in done}
    assert number is not None
    made = await counts.recurring(number)
    assert (made["client_id"], made["period"], made["disabled"]) == (42, 2, False)
    assert made["nextcreationdate"] == "2026-12-01T00:00:00"
    await counts.control("create_due", {"date": "2026-12-01"})
    (invoice,) = [one for one in await counts.invoices() if one["client_id"] == 42]
    assert [(row["qty_order"], row["unit_price"]) for row in invoice["lines"]] == [
        (19, 4.5),
        (8, 3),
    ]
    assert [row.operation for row in await counts.link()] == ["none", "none"]


async def test_a_line_without_any_price_is_held(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19, item=12, licence="Another"))
    await counts.load(recurring_invoices=[recurring_row(-94, 42)])
    await counts.sync(counted(43, 4, item=12))
    await counts.load(recurring_invoices=[recurring_row(-96, 43)])
    plan = next(row for row in await counts.link() if row.client == 43)
    assert plan.code == "count-price-missing"


async def test_a_held_count_says_what_the_next_recurring_invoice_bills(
    counts: CountsWorld,
) -> None:
    await counts.apply_all()
    posted = await counts.sync(counted(42, 0, code="count-zero", text="19 fell to 0"))
    row = counts.row(42)
    assert row.warnings == ("recurring-bills-old-count",)
    assert row.text == (
        "19 fell to 0; recurring invoice 85 bills 19 by the old count on 2026-11-20"
    )
    assert posted.warnings == ("recurring-bills-old-count",)
    (link,) = await counts.link()
    assert (link.operation, link.bills_now) == ("none", 19)
    assert "count-zero" in link.text
    assert "2026-11-20" in link.text


async def test_what_is_billed_otherwise_has_no_link(counts: CountsWorld) -> None:
    await counts.use(**rules(RULE | {"bill": "charge", "price": "5"}))
    assert await counts.link() == []
    await counts.use(**rules(RULE | {"recurring": False}))
    assert await counts.link() == []
