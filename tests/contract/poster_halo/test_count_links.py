"""Recurring invoice lines that count our licences: planned, put there by hash, and billed (R21)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.service import LeaseLost
from schemas.counts import CountLinks, CountLinksPlanned, LinkCounts

from .count_world import (
    EDR,
    ENDPOINTS,
    FIREWALL,
    ITEMS,
    RULE,
    CountsWorld,
    counted,
    recurring_row,
    rules,
)
from .world import TENANT_ROWS, only_halo

POST = {"method": "POST", "path": "/RecurringInvoice"}
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


async def billed_by_recurring(*rows: Any, rule: dict[str, Any] | None = None) -> CountsWorld:
    """Client 42 with 19 endpoints on a licence, and a recurring invoice of two lines."""
    one = CountsWorld(only_halo())
    invoices = rows or (recurring_row(-94, 42, FIREWALL, ENDPOINTS),)
    await one.load(**TENANT_ROWS | {"items": ITEMS, "recurring_invoices": list(invoices)})
    await one.use(**rules(rule or RULE))
    await one.sync(counted(42, 19))
    return one


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


async def test_a_line_that_changed_since_is_refused_and_other_people_s_edits_are_not_in_the_way(
    counts: CountsWorld,
) -> None:
    (plan,) = await counts.link()
    await counts.edit("recurring_invoices", -94, line={"id": 9002, "unit_price": 5})
    (moved,) = await counts.link(plan.hash)
    assert (moved.operation, moved.code) == ("held", "moved")
    assert (await counts.recurring())["lines"][1]["quantity_licences"] == []
    (plan,) = await counts.link()
    await counts.edit("recurring_invoices", -94, line={"id": 9001, "unit_price": 120})
    (done,) = await counts.link(plan.hash)
    assert (done.operation, done.code) == ("link", None)
    assert (await counts.recurring())["lines"][0]["unit_price"] == 120


async def test_a_foreign_line_that_reads_back_otherwise_is_an_alarm(counts: CountsWorld) -> None:
    (plan,) = await counts.link()
    counts.meanwhile["after update_recurring_invoice"] = lambda: counts.edit(
        "recurring_invoices", -94, line={"id": 9001, "comment_1": "edited"}
    )
    (done,) = await counts.link(plan.hash)
    assert done.code == "foreign-lines-changed"
    assert "85" in done.text


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


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "empty_500"])
@pytest.mark.parametrize("creates", [False, True])
async def test_an_uncertain_write_is_looked_for_before_it_is_repeated(
    kind: str, creates: bool
) -> None:
    rows = [recurring_row(-94, 43 if creates else 42)]
    counts = await billed_by_recurring(*rows)
    await counts.use(**rules(create_recurring=True))
    (plan,) = await counts.link()
    assert plan.operation == ("create" if creates else "add-line")
    await counts.spoil({"kind": kind, **POST})
    (done,) = await counts.link(plan.hash)
    assert (done.code, done.bills_now) == (None, 19)
    await _linked_once(counts)
    assert ("one more look first" in counts.waits) == (kind != "lost_answer")


@pytest.mark.parametrize("creates", [False, True])
async def test_a_process_that_died_while_writing_waits_until_its_write_has_settled(
    creates: bool,
) -> None:
    counts = await billed_by_recurring(recurring_row(-94, 43 if creates else 42))
    await counts.use(**rules(create_recurring=True))
    (plan,) = await counts.link()
    call = "create_recurring_invoice" if creates else "update_recurring_invoice"
    counts.meanwhile[f"after {call}"] = counts.dies
    began = counts.clock.now()
    (done,) = await counts.link(plan.hash)
    assert (done.code, done.bills_now) == (None, 19)
    assert counts.waits == ["the write of a recurring invoice may still land"]
    assert (counts.clock.now() - began).total_seconds() >= 30
    await _linked_once(counts)


async def test_another_plan_waits_for_the_change_that_is_under_way(counts: CountsWorld) -> None:
    (plan,) = await counts.link()
    await counts.spoil({"kind": "lost_answer", **POST})
    counts.revision += 1
    head = LinkCounts(**counts.about(), applies=True)
    waiting = await counts.first_pass("LinkCounts", head, f'["{plan.hash}"]'.encode())
    counts.revision += 1
    other = LinkCounts(**counts.about())
    await counts.clock.sleep(90)
    await counts.first_pass("LinkCounts", other, b"[]")
    counts.revision -= 1
    await counts.resume(waiting)
    done, body = counts.last(CountLinksPlanned)
    assert (done.applied, done.problem) == (True, None)
    (row,) = CountLinks.validate_json(body)
    assert (row.operation, row.code, row.bills_now) == ("link", None, 19)


async def test_what_was_answered_is_not_done_again(counts: CountsWorld) -> None:
    (plan,) = await counts.link()
    await counts.link(plan.hash)
    said = len(counts.bus.messages)
    await counts.control("reset_calls", {})
    await counts.again()
    assert len(counts.bus.messages) == said
    assert await counts.calls() == {}


async def test_a_line_that_changes_between_the_look_and_the_write_is_refused(
    counts: CountsWorld,
) -> None:
    (plan,) = await counts.link()
    edit = {"line": {"id": 9002, "unit_price": 5}}
    counts.meanwhile["before recurring_invoice"] = lambda: counts.edit(
        "recurring_invoices", -94, **edit
    )
    (moved,) = await counts.link(plan.hash)
    assert (moved.operation, moved.code) == ("held", "moved")
    assert "recurring invoice 85 changed" in moved.text
    assert (await counts.recurring())["lines"][1]["quantity_licences"] == []


async def test_what_was_refused_is_not_sent_again_after_a_wait(counts: CountsWorld) -> None:
    await counts.load(recurring_invoices=[recurring_row(-96, 43, ENDPOINTS | {"id": 9004})])
    await counts.sync(counted(42, 19), counted(43, 4))
    hashes = [row.hash for row in await counts.link()]
    await counts.edit("recurring_invoices", -96, void=True)
    await counts.control("reset_calls", {})
    await counts.spoil({"kind": "lost_answer", **POST})
    linked, refused = await counts.link(*hashes)
    assert (linked.client, linked.code) == (42, None)
    assert (refused.client, refused.code) == (43, "halopsa-refused")
    assert counts.waits
    assert (await counts.calls())["POST /RecurringInvoice"] == 2


async def _linked_once(counts: CountsWorld) -> None:
    state = (await counts.state())["entities"]["recurring_invoices"]
    mine = [line for row in state if row["client_id"] == 42 for line in row["lines"]]
    linked = [line for line in mine if line["quantity_licences"]]
    assert len([line for line in mine if line["_itemid"] == EDR]) == 1
    assert [len(line["quantity_licences"]) for line in linked] == [1]


async def test_a_refusal_is_told_and_stops_nobody_else(counts: CountsWorld) -> None:
    await counts.load(recurring_invoices=[recurring_row(-96, 43, ENDPOINTS | {"id": 9004})])
    await counts.sync(counted(42, 19), counted(43, 4))
    hashes = [row.hash for row in await counts.link()]
    await counts.spoil({"kind": "forbidden", **POST})
    rows = await counts.link(*hashes)
    assert {row.code for row in rows} == {"halopsa-right-missing"}
    hashes = [row.hash for row in await counts.link()]
    await counts.edit("items", EDR, delete=True)
    rows = await counts.link(*hashes)
    assert [row.code for row in rows] == ["halopsa-refused", "halopsa-refused"]
    assert "item does not exist" in rows[0].text


async def test_whoever_lost_the_lease_writes_no_more(counts: CountsWorld) -> None:
    (plan,) = await counts.link()
    before = await counts.recurring()
    counts.lost_at_guard = True
    with pytest.raises(LeaseLost):
        await counts.link(plan.hash)
    assert await counts.recurring() == before


@pytest.mark.parametrize("operation", ["link", "add-line", "create"])
async def test_killed_at_every_step_every_licence_is_linked_once(operation: str) -> None:
    rows = {
        "link": recurring_row(-94, 42, FIREWALL, ENDPOINTS),
        "add-line": recurring_row(-94, 42, FIREWALL),
        "create": recurring_row(-94, 43, FIREWALL),
    }
    at, was_killed = 0, True
    while was_killed:
        at += 1
        counts = await billed_by_recurring(rows[operation])
        await counts.use(**rules(create_recurring=True))
        (plan,) = await counts.link()
        assert plan.operation == operation
        await counts.control("reset_calls", {})
        fence, counts.kill_at = counts.fence, counts.steps + at
        (done,) = await counts.link(plan.hash)
        was_killed = counts.fence != fence
        assert (done.code, done.bills_now) == (None, 19), at
        await _linked_once(counts)
        assert (await counts.calls())["POST /RecurringInvoice"] == 1, at
        (planned,) = await counts.link()
        assert planned.operation == "none", at
        await counts.http.aclose()
        counts.app.close()
    assert at > 10
