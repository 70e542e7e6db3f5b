"""The recurring invoice (R11): our lines there are exactly one document's, in their slots."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.messages import PostingDone, PostingRefused, PostingUndone
from support.poster import charge, resolved

from .world import World, sums

RECURRING = {"behaviour": "recurring"}
LICENCES = {
    "id": 9001,
    "item_shortdescription": "Endpoint",
    "qty_order": 4,
    "unit_price": 3.30,
    "comment_2": "",
    "recurring_invoice_quantity_type": 1,
    "quantity_licences": [{"id": 77, "licence_id": 1441, "qty_free": 0}],
}


@pytest.fixture
async def recurring(world: World) -> World:
    row = {
        "id": -94,
        "client_id": 42,
        "name": "Monthly",
        "period": 2,
        "startdate": "2026-01-20T00:00:00",
        "nextcreationdate": "2026-11-20T00:00:00",
        "lines": [LICENCES],
    }
    await world.load(recurring_invoices=[row])
    return world


async def _post(world: World, lines: list[Any], document: str = "doc_1", **changes: Any) -> Any:
    return await world.post(*lines, document=document, recurring=-94, policy=RECURRING, **changes)


async def _planned(world: World, lines: list[Any], document: str, day: str, **policy: Any) -> Any:
    head = resolved(
        lines, document=document, recurring=-94, policy=RECURRING | policy, document_date=day
    )
    await world.give((head, lines))
    (planned,) = await world.plan()
    return planned


def _next(number: int, slot: int, **changes: Any) -> Any:
    return charge(number, document="doc_2", slot=f"slot{slot}-0", **changes)


async def _bill(world: World) -> None:
    await world.control("create_due", {"date": "2026-11-20"})


async def test_r11_lines_are_added_and_foreign_lines_survive_numeral_by_numeral(
    recurring: World,
) -> None:
    before = (await recurring.recurring())["lines"]
    done = await _post(recurring, [charge(1), charge(2)])
    assert (done.updated, done.matches) == (1, True)
    after = (await recurring.recurring())["lines"]
    assert [row for row in after if row["id"] == 9001] == before
    assert len(after) == 3
    again = await _post(recurring, [charge(1), charge(2)])
    assert again.unchanged == 1
    assert (await recurring.recurring())["lines"] == after


async def test_r11_the_next_document_updates_slots_in_place_adds_and_removes(
    recurring: World,
) -> None:
    await _post(recurring, [charge(1), charge(2)])
    first = (await recurring.recurring())["lines"]
    await _bill(recurring)
    lines = [_next(7, 1, quantity="5"), _next(8, 9)]
    done = await _post(recurring, lines, "doc_2", document_date="2026-12-01")
    assert isinstance(done, PostingDone)
    assert done.matches
    after = {row["id"]: row for row in (await recurring.recurring())["lines"]}
    changed = after[first[1]["id"]]
    assert (changed["qty_order"], changed["comment_2"].split()[0]) == (5, lines[0].id)
    assert first[2]["id"] not in after
    assert len(after) == 3
    old = await _post(recurring, [charge(1), charge(2)])
    assert old.unchanged == 1
    assert sums(old.money) == {"posted": Decimal("45.00")}


async def test_r11_lines_that_were_not_billed_are_not_replaced(recurring: World) -> None:
    await _post(recurring, [charge(1)])
    planned = await _planned(recurring, [_next(7, 1)], "doc_2", "2026-12-01")
    assert planned.code == "recurring-not-billed"
    warned = await _planned(recurring, [_next(7, 1)], "doc_2", "2026-12-01", recurring_guard="warn")
    assert warned.operations == 1
    assert "recurring-not-billed" in warned.warnings


async def test_r11_lines_that_were_billed_twice_are_not_replaced(recurring: World) -> None:
    await _post(recurring, [charge(1)])
    await recurring.control("create_due", {"date": "2026-12-20"})
    planned = await _planned(recurring, [_next(7, 1)], "doc_2", "2027-01-01")
    assert planned.code == "recurring-billed-twice"


async def test_r11_an_empty_batch_removes_last_months_lines(recurring: World) -> None:
    await _post(recurring, [charge(1)])
    await _bill(recurring)
    done = await _post(recurring, [], "doc_2", document_date="2026-12-01")
    assert done.updated == 1
    assert [row["id"] for row in (await recurring.recurring())["lines"]] == [9001]


async def test_r11_a_document_older_than_the_one_there_goes_out_as_an_invoice(
    recurring: World,
) -> None:
    await _post(recurring, [_next(7, 1)], "doc_2", document_date="2026-12-01")
    done = await _post(recurring, [charge(1)])
    assert done.created == 1
    assert [row["client_id"] for row in await recurring.invoices()] == [42]


async def test_r11_lines_that_come_after_it_was_billed_go_out_as_an_invoice(
    recurring: World,
) -> None:
    await _post(recurring, [charge(1)])
    await _bill(recurring)
    done = await _post(recurring, [charge(1), charge(2)])
    assert (done.created, done.updated) == (1, 0)
    assert sums(done.money) == {"posted": Decimal("45.00")}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disabled": True}, "recurring-disabled"),
        ({"client_id": 43}, "recurring-other-client"),
        ({"currency_code": 2}, "currency-mismatch"),
        ({"period": 3}, "recurring-not-monthly"),
    ],
)
async def test_r11_only_an_enabled_monthly_one_of_the_client_and_currency(
    recurring: World, changes: dict[str, Any], code: str
) -> None:
    await recurring.edit("recurring_invoices", -94, set=changes)
    planned = await _planned(recurring, [charge(1)], "doc_1", "2026-11-01")
    assert planned.code == code
    assert sums(planned.money) == {f"held {code}": Decimal("22.50")}


async def test_r11_a_recurring_invoice_that_is_gone_holds(recurring: World) -> None:
    await recurring.edit("recurring_invoices", -94, delete=True)
    planned = await _planned(recurring, [charge(1)], "doc_1", "2026-11-01")
    assert planned.code == "recurring-gone"


async def test_r16_undo_puts_back_what_was_there(recurring: World) -> None:
    await _post(recurring, [charge(1), charge(2)])
    await _bill(recurring)
    before = (await recurring.recurring())["lines"]
    lines = [_next(7, 1, quantity="5"), _next(8, 9)]
    await _post(recurring, lines, "doc_2", document_date="2026-12-01")
    (undone,) = await recurring.undo()
    assert isinstance(undone, PostingUndone)
    after = (await recurring.recurring())["lines"]
    key = "comment_2"
    assert {row[key] for row in after} == {row[key] for row in before}
    assert after[:2] == before[:2]
    again = await _post(recurring, lines, "doc_2", document_date="2026-12-01")
    assert again.updated == 1


async def test_r16_undo_is_refused_once_billed(recurring: World) -> None:
    await _post(recurring, [charge(1)])
    await _bill(recurring)
    (refused,) = await recurring.undo()
    assert isinstance(refused, PostingRefused)
    assert refused.code == "undo-billed"


async def test_a_lost_data_folder_finds_its_lines_on_the_recurring_invoice(
    recurring: World,
) -> None:
    await _post(recurring, [charge(1)])
    recurring.shelf.clear()
    await recurring.use()
    assert (await _post(recurring, [charge(1)])).unchanged == 1
    await _bill(recurring)
    recurring.shelf.clear()
    await recurring.use()
    assert (await _post(recurring, [charge(1)])).unchanged == 1


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "empty_500", "truncated"])
async def test_an_uncertain_replace_ends_with_each_line_once(recurring: World, kind: str) -> None:
    await recurring.spoil({"kind": kind, "method": "POST", "path": "/RecurringInvoice"})
    done = await _post(recurring, [charge(1), charge(2)])
    assert done.matches
    assert len((await recurring.recurring())["lines"]) == 3


async def test_a_person_changes_the_target_between_plan_and_apply(recurring: World) -> None:
    planned = await _planned(recurring, [charge(1)], "doc_1", "2026-11-01")
    assert planned.operations == 1
    await recurring.edit("recurring_invoices", -94, set={"disabled": True})
    (refused,) = await recurring.apply()
    assert isinstance(refused, PostingRefused)
    assert refused.code == "moved"
    assert len((await recurring.recurring())["lines"]) == 1


async def test_killed_at_every_step_the_recurring_lines_stand_once(recurring: World) -> None:
    lines = [charge(1), charge(2)]
    head = resolved(lines, recurring=-94, policy=RECURRING)
    await recurring.give((head, lines))
    await recurring.plan()
    start = recurring.steps
    await recurring.apply()
    steps = recurring.steps - start
    await recurring.undo()
    for at in range(1, steps + 1):
        await recurring.give((head, lines))
        await recurring.plan()
        recurring.kill_at = recurring.steps + at
        (done,) = await recurring.apply()
        assert isinstance(done, PostingDone), (at, done)
        assert len((await recurring.recurring())["lines"]) == 3, at
        await recurring.undo()
        assert len((await recurring.recurring())["lines"]) == 1, at


async def test_recurring_costs_two_calls_a_client(recurring: World) -> None:
    rows = [
        {"id": -100 - n, "client_id": 43 + n, "period": 2, "nextcreationdate": "2026-11-20"}
        for n in range(6)
    ]
    await recurring.load(recurring_invoices=rows)
    batches = [[charge(n)] for n in range(6)]
    heads = [
        resolved(b, client=43 + n, recurring=-100 - n, policy=RECURRING)
        for n, b in enumerate(batches)
    ]
    await recurring.give(*zip(heads, batches, strict=True))
    await recurring.control("reset_calls", {})
    await recurring.plan()
    answers = await recurring.apply()
    assert all(isinstance(a, PostingDone) and a.matches for a in answers)
    calls = await recurring.calls()
    assert calls.pop("POST /RecurringInvoice") == 6
    assert calls.pop("GET /RecurringInvoice/{id}") <= 6 + 1
    assert sum(calls.values()) <= 12, calls


async def test_r11_a_held_batch_leaves_last_months_lines_alone(recurring: World) -> None:
    await _post(recurring, [charge(1)])
    await _bill(recurring)
    before = await recurring.recurring()
    line = _next(7, 9)
    head = resolved(
        [line], document="doc_2", recurring=-94, policy=RECURRING, document_date="2026-12-01"
    )
    await recurring.give((head, [line]), item=None)
    (planned,) = await recurring.plan()
    assert (planned.code, planned.operations) == ("item-missing", 0)
    assert await recurring.recurring() == before


async def _named(world: World, client: int = 42, recurring: int | None = None) -> str:
    """What the held client's plan offers."""
    line = charge(1)
    rows = [
        {"company": "c1", "halo": 42, "subscription": "s 1"},
        {"company": "c2", "halo": 43},
    ]
    await world.use(client=rows)
    head = resolved([line], client=client, recurring=recurring, policy=RECURRING)
    await world.give((head, [line]))
    (planned,) = await world.plan()
    return f"{planned.code}: {planned.text}"


async def test_r11_a_client_without_a_recurring_invoice_is_told_how_to_name_its_only_one(
    recurring: World,
) -> None:
    assert await _named(recurring) == (
        "recurring-missing: no recurring invoice is mapped for this client: name one:"
        " `chargeline mappings client c1 --halo 42 --subscription 's 1' --recurring -94`"
    )


async def test_r11_whoever_has_none_that_fits_names_one_of_its_own(recurring: World) -> None:
    assert await _named(recurring, client=43, recurring=-94) == (
        "recurring-other-client: recurring invoice -94 belongs to client 42: name another one:"
        " `chargeline mappings client c2 --halo 43 --recurring ID`"
    )
