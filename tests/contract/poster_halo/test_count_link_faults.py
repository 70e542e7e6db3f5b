"""Links while answers are lost, processes die and others act: each licence is linked once."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from chassis.service import LeaseLost
from schemas.counts import CountLinks, CountLinksPlanned, LinkCounts

from .count_world import (
    EDR,
    ENDPOINTS,
    FIREWALL,
    CountsWorld,
    billed_by_recurring,
    counted,
    recurring_row,
    rules,
)

POST = {"method": "POST", "path": "/RecurringInvoice"}


@pytest.fixture
async def counts() -> AsyncIterator[CountsWorld]:
    one = await billed_by_recurring()
    yield one
    await one.http.aclose()
    one.app.close()


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


@pytest.mark.parametrize("text", ["", None])
async def test_a_text_that_halopsa_fills_in_is_no_alarm_another_one_is(text: str | None) -> None:
    bare = FIREWALL | {"item_shortdescription": text}
    for name, code in (("Firewall", None), ("edited", "foreign-lines-changed")):
        named = text if code is None else "Firewall"
        one = await billed_by_recurring(
            recurring_row(-94, 42, bare | {"item_shortdescription": named}, ENDPOINTS)
        )
        (plan,) = await one.link()
        line = {"id": 9001, "item_shortdescription": name}
        one.meanwhile["after update_recurring_invoice"] = partial(
            one.edit, "recurring_invoices", -94, line=line
        )
        (done,) = await one.link(plan.hash)
        assert (done.operation, done.code) == ("link", code)
        await one.http.aclose()
        one.app.close()


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
