"""Append to latest (R10): on the client's newest open invoice, other people's lines untouched."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.messages import PostingDone, PostingRefused, PostingUndone
from support.poster import charge, resolved

from .world import World, sums

LATEST = {"behaviour": "latest"}
LABOUR = {
    "id": 5001,
    "item_shortdescription": "Labour",
    "qty_order": 1,
    "unit_price": 80.10,
    "comment_2": "a person's own note",
}


async def _open(world: World, number: int = 700, **changes: Any) -> None:
    row = {"id": number, "client_id": 42, "invoice_date": "2026-10-20T00:00:00"}
    await world.load(invoices=[row | {"lines": [LABOUR | {"id": number + 5000}]} | changes])


def _foreign(invoice: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in invoice["lines"] if not row["comment_2"].startswith("line_")]


async def _plan(world: World, *, policy: dict[str, Any] = LATEST) -> Any:
    lines = [charge(1)]
    await world.give((resolved(lines, policy=policy), lines))
    (planned,) = await world.plan()
    return planned


async def test_r10_lines_go_onto_the_latest_invoice_and_again_changes_nothing(world: World) -> None:
    await _open(world, 690, invoice_date="2026-10-19T00:00:00")
    await _open(world)
    await _open(world, 699)
    before = await world.invoices()
    done = await world.post(charge(1), charge(2), policy=LATEST)
    assert (done.created, done.updated) == (0, 1)
    assert done.matches
    after = {row["id"]: row for row in await world.invoices()}
    assert len(after[700]["lines"]) == 3
    assert [_foreign(row) for row in before] == [_foreign(row) for row in after.values()]
    again = await world.post(charge(1), charge(2), policy=LATEST)
    assert again.unchanged == 1
    assert set((await world.stamps()).values()) == {1}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amountpaid": 5}, "paid"),
        ({"datesent": "2026-10-21T00:00:00"}, "sent"),
        ({"approval_status": 2}, "approv"),
        ({"reviewrequired": True}, "review"),
        ({"posted": True}, "locked"),
        ({"currency_code": 2}, "currency"),
        ({"xeroid": "x1", "xero_status": "PAID"}, "PAID"),
    ],
)
async def test_r10_what_is_not_open_is_held_with_the_reason(
    world: World, changes: dict[str, Any], why: str
) -> None:
    await _open(world, **changes)
    planned = await _plan(world)
    assert planned.code == "latest-not-open"
    assert why in planned.text
    assert sums(planned.money) == {"held latest-not-open": Decimal("22.50")}


async def test_r10_when_not_open_new_makes_an_invoice(world: World) -> None:
    await _open(world, amountpaid=5)
    done = await world.post(charge(1), policy=LATEST | {"when_not_open": "new"})
    assert done.created == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"invoice_date": "2026-09-01T00:00:00"},
        {"voided": True},
        {"creditlinkedtoinvoiceid": 3},
    ],
)
async def test_r10_old_voided_and_credit_notes_are_not_the_latest(
    world: World, changes: dict[str, Any]
) -> None:
    await _open(world, **changes)
    assert (await _plan(world)).text.startswith("there is none in the window: ")


async def test_r10_an_unpaid_invoice_that_halopsa_pushes_is_open(world: World) -> None:
    await _open(world, xeroid="x1", xero_status="AUTHORISED")
    assert (await _plan(world)).operations == 1


async def test_r16_undo_takes_our_lines_off_and_posting_again_works(world: World) -> None:
    await _open(world)
    (before,) = await world.invoices()
    await world.post(charge(1), policy=LATEST)
    (undone,) = await world.undo()
    assert isinstance(undone, PostingUndone)
    (after,) = await world.invoices()
    assert after["lines"] == before["lines"]
    assert not after["voided"]
    assert (await world.post(charge(1), policy=LATEST)).updated == 1
    assert set((await world.stamps()).values()) == {1}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"amountpaid": 5}, "undo-paid"), ({"datesent": "2026-11-05T00:00:00"}, "undo-sent")],
)
async def test_r16_undo_is_refused_once_sent_or_paid(
    world: World, changes: dict[str, Any], code: str
) -> None:
    await _open(world)
    await world.post(charge(1), policy=LATEST)
    await world.edit("invoices", 700, set=changes)
    (refused,) = await world.undo()
    assert isinstance(refused, PostingRefused)
    assert (refused.code, refused.command) == (code, "undo")
    assert set((await world.stamps()).values()) == {1}


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "empty_500"])
async def test_an_uncertain_append_is_looked_for_before_it_is_repeated(
    world: World, kind: str
) -> None:
    await _open(world)
    await world.spoil({"kind": kind, "method": "POST", "path": "/Invoice/updatelines"})
    done = await world.post(charge(1), charge(2), policy=LATEST)
    assert done.matches
    assert set((await world.stamps()).values()) == {1}


async def test_appending_costs_one_read_and_one_write_a_client(world: World) -> None:
    clients = 8
    for n in range(clients):
        await _open(world, 700 + n, client_id=42 + n)
    batches = [[charge(n)] for n in range(clients)]
    heads = [resolved(b, client=42 + n, policy=LATEST) for n, b in enumerate(batches)]
    await world.give(*zip(heads, batches, strict=True))
    await world.control("reset_calls", {})
    await world.plan()
    assert all(isinstance(a, PostingDone) for a in await world.apply())
    calls = await world.calls()
    assert calls.pop("POST /Invoice/updatelines") == clients
    assert calls.pop("GET /Invoice/{id}") <= clients + 1
    assert sum(calls.values()) <= 10, calls


async def test_killed_at_every_step_an_append_stands_once(world: World) -> None:
    await _open(world)
    lines = [charge(1), charge(2)]
    heads = (resolved(lines, policy=LATEST), lines)
    await world.give(heads)
    await world.plan()
    start = world.steps
    await world.apply()
    steps = world.steps - start
    await world.undo()
    for at in range(1, steps + 1):
        await world.give(heads)
        await world.plan()
        world.kill_at = world.steps + at
        (done,) = await world.apply()
        assert isinstance(done, PostingDone), (at, done)
        assert set((await world.stamps()).values()) == {1}, at
        await world.undo()
        assert await world.stamps() == {}, at


async def test_r16_a_target_that_changed_after_the_look_is_not_written_on(world: World) -> None:
    await _open(world)
    await _plan(world)

    async def paid() -> None:
        await world.edit("invoices", 700, set={"amountpaid": 5})

    world.meanwhile["invoice"] = paid
    (refused,) = await world.apply()
    assert isinstance(refused, PostingRefused)
    assert (refused.code, refused.plan_again) == ("moved", True)
    assert await world.stamps() == {}


async def test_r16_foreign_lines_that_read_back_changed_are_an_alarm(world: World) -> None:
    await _open(world)
    await _plan(world)

    async def edited() -> None:
        await world.edit("invoices", 700, line={"id": 5700, "qty_order": 2})

    world.meanwhile["after writing"] = edited
    (done,) = await world.apply()
    assert isinstance(done, PostingDone)
    assert not done.matches
    assert "foreign-lines-changed" in done.warnings


async def test_r16_a_text_that_halopsa_fills_in_is_nobodys_edit(world: World) -> None:
    await _open(world)
    bare = {"id": 5700, "item_shortdescription": ""}
    await world.edit("invoices", 700, line=bare)
    await _plan(world)

    async def filled() -> None:
        await world.edit("invoices", 700, line=bare | {"item_shortdescription": "Firewall"})

    world.meanwhile["after writing"] = filled
    (done,) = await world.apply()
    assert world.meanwhile == {}
    assert isinstance(done, PostingDone)
    assert (done.matches, done.warnings) == (True, ())
