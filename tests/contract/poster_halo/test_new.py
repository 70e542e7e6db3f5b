"""Always new (R9): one invoice, once, whatever happens."""

from decimal import Decimal

import pytest

from schemas.messages import PostingDone, PostingRefused, PostingUndone
from support.poster import charge, resolved

from .world import World, sums, total


async def test_r9_one_invoice_per_client_with_every_line_once(world: World) -> None:
    lines = [charge(1), charge(2, quantity="1", price="9.99", cost="0")]
    done = await world.post(*lines)
    (invoice,) = await world.invoices()
    assert invoice["client_id"] == 42
    assert [line["qty_order"] for line in invoice["lines"]] == [3, 1]
    assert {line["nominal_code"] for line in invoice["lines"]} == {"M365BP"}
    assert done.matches
    assert (done.created, done.updated, done.unchanged) == (1, 0, 0)
    assert sums(done.money) == {"posted": Decimal("32.49")}


async def test_a_plan_of_equals_is_empty_and_applying_it_changes_nothing(world: World) -> None:
    lines = [charge(1), charge(2)]
    await world.post(*lines)
    before = await world.invoices()
    again = await world.post(*lines)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)
    assert sums(again.money) == {"posted": Decimal("45.00")}
    assert await world.invoices() == before


async def test_r8_no_tax_field_is_sent_and_the_tax_read_back_is_the_items(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    assert invoice["lines"][0]["tax_rate"] == 20.0


async def test_a_lost_data_folder_adopts_and_creates_nothing(world: World) -> None:
    await world.post(charge(1), charge(2))
    world.shelf.clear()
    await world.use()
    world.revision = 0
    again = await world.post(charge(1), charge(2))
    assert (again.created, again.unchanged) == (0, 1)
    assert len(await world.invoices()) == 1
    (undone,) = await world.undo()
    assert isinstance(undone, PostingUndone)
    assert (await world.invoices())[0]["voided"]


async def test_r16_undo_voids_and_posting_again_takes_the_next_reference(world: World) -> None:
    await world.post(charge(1))
    (undone,) = await world.undo()
    assert isinstance(undone, PostingUndone)
    again = await world.post(charge(1))
    assert again.created == 1
    first, second = await world.invoices()
    assert first["voided"]
    assert not second["voided"]
    assert first["reference"] != second["reference"]
    assert set((await world.stamps()).values()) == {1}


async def test_voided_numbers_stay_burnt_when_the_data_folder_is_lost(world: World) -> None:
    await world.post(charge(1))
    await world.undo()
    world.shelf.clear()
    await world.use()
    again = await world.post(charge(1))
    assert again.created == 1
    first, second = await world.invoices()
    assert first["reference"] != second["reference"]


async def test_an_edit_by_a_person_holds_and_overwrites_nothing(world: World) -> None:
    await world.post(charge(1), charge(2))
    (invoice,) = await world.invoices()
    line = invoice["lines"][0]
    await world.edit("invoices", invoice["id"], line={"id": line["id"], "qty_order": 5})
    before = await world.invoices()
    await world.give((resolved([charge(1), charge(2)]), [charge(1), charge(2)]))
    (planned,) = await world.plan()
    assert planned.code == "edited-at-destination"
    assert sums(planned.money) == {
        "posted": Decimal("22.50"),
        "held edited-at-destination": Decimal("22.50"),
    }
    assert await world.invoices() == before


async def test_an_invoice_a_person_voided_or_deleted_is_not_made_again(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    await world.edit("invoices", invoice["id"], delete=True)
    await world.give((resolved([charge(1)]), [charge(1)]))
    (planned,) = await world.plan()
    assert planned.code == "gone-at-destination"
    assert total(planned.money) == (Decimal("22.50"), Decimal("18.75"))
    await world.undo()
    assert (await world.post(charge(1))).created == 1


async def test_r12_lines_that_come_later_go_onto_the_open_invoice(world: World) -> None:
    await world.post(charge(1))
    later = await world.post(charge(1), charge(2, company="c2", company_name="Second"))
    assert (later.created, later.updated) == (0, 1)
    (invoice,) = await world.invoices()
    assert len(invoice["lines"]) == 2
    assert sums(later.money) == {"posted": Decimal("45.00")}


async def test_r12_and_onto_a_further_one_when_it_was_sent(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    await world.edit("invoices", invoice["id"], set={"datesent": "2026-11-05T09:00:00"})
    later = await world.post(charge(1), charge(2))
    assert later.created == 1
    first, second = await world.invoices()
    assert str(first["id"]) in second["internal_note"]
    assert set((await world.stamps()).values()) == {1}


async def test_r9_an_invoice_per_order(world: World) -> None:
    lines = [charge(1, order="PO-1"), charge(2, order="N/A"), charge(3, order="")]
    done = await world.post(*lines, policy={"one_invoice_per": "order"})
    assert done.created == 2
    again = await world.post(*lines, policy={"one_invoice_per": "order"})
    assert again.unchanged == 1


async def test_r13_a_later_selection_makes_its_own_invoice(world: World) -> None:
    lines = [charge(1), charge(2)]
    await world.give((resolved(lines), lines))
    (planned,) = await world.plan(lines[0].id)
    assert sums(planned.money) == {
        "pending": Decimal("22.50"),
        "held not-selected": Decimal("22.50"),
    }
    await world.apply()
    await world.give((resolved(lines), lines))
    await world.plan(lines[1].id)
    (done,) = await world.apply()
    assert isinstance(done, PostingDone)
    assert sums(done.money) == {"posted": Decimal("45.00")}
    assert len(await world.invoices()) == 2


async def test_a_batch_costs_five_writes_of_the_store(world: World) -> None:
    """Kept, planned, intent, answer, posted: the design allows six a batch and service."""
    lines = {client: [charge(client), charge(client + 100)] for client in (42, 43, 44)}
    batches = [(resolved(rows, client=client), rows) for client, rows in lines.items()]
    before = writes(world)
    await world.give(*batches)
    await world.plan()
    assert len(await world.apply()) == 3
    assert writes(world) - before == 5 * 3


def writes(world: World) -> int:
    """Each insert and replace raised a version; a look, or clearing the outbox, does not."""
    return sum(record.version for record in world.shelf.values())


@pytest.mark.parametrize(
    ("term", "numbers"),
    [
        ("order:PO-1", {1}),
        ("order:none", {2, 3}),
        ("subscription:s-2", {2}),
        ("product:pax8:p3:monthly", {3}),
        ("product:p3", {3}),
        ("product:SKU-1", {1}),
        ("type:usage", {3}),
        ("type:one-time", set()),
    ],
)
async def test_r13_a_selection_by_a_group(world: World, term: str, numbers: set[int]) -> None:
    lines = [
        charge(1, order="PO-1", subscription="s-1", sku="SKU-1"),
        charge(2, order="N/A", subscription="s-2"),
        charge(3, product="p3", product_key="pax8:p3:monthly", kind="usage"),
    ]
    await world.give((resolved(lines), lines))
    (planned,) = await world.plan(term)
    assert planned.code == (None if numbers else "not-selected")
    if numbers:
        await world.apply()
    assert set(await world.stamps()) == {lines[number - 1].id for number in numbers}


async def test_r13_a_selection_names_all_that_any_of_its_terms_names(world: World) -> None:
    lines = [charge(1, order="PO-1"), charge(2, subscription="s-2"), charge(3), charge(4)]
    await world.give((resolved(lines), lines))
    await world.plan("order:PO-1", "subscription:s-2", lines[2].id)
    await world.apply()
    assert set(await world.stamps()) == {line.id for line in lines[:3]}


async def test_r15_no_line_left_posts_nothing(world: World) -> None:
    done = await world.post(client=0)
    assert done.unchanged == 1
    assert done.money == ()
    assert await world.invoices() == []


async def test_r15_a_net_credit_is_held(world: World) -> None:
    line = charge(1, quantity="-3")
    await world.give((resolved([line]), [line]))
    (planned,) = await world.plan()
    assert planned.code == "net-credit"
    assert sums(planned.money) == {"held net-credit": Decimal("-22.50")}


async def test_two_invoices_under_one_reference_are_held(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    await world.load(invoices=[invoice | {"id": 999, "lines": invoice["lines"]}])
    await world.give((resolved([charge(1)]), [charge(1)]))
    (planned,) = await world.plan()
    assert planned.code == "doubled-at-destination"


async def test_r3_a_line_posted_under_another_client_stays_there(world: World) -> None:
    first, second = charge(1), charge(2)
    await world.post(first, second)
    await world.give((resolved([first]), [first]), (resolved([second], client=43), [second]))
    planned = await world.plan()
    assert [p.operations for p in planned] == [0, 0]
    assert [p.code for p in planned] == [None, None]
    assert "posted-elsewhere" in planned[1].warnings
    assert sums(planned[1].money) == {"posted": Decimal("22.50")}


async def test_lines_that_are_dropped_after_they_were_posted_hold(world: World) -> None:
    await world.post(charge(1), charge(2))
    await world.give((resolved([charge(1)]), [charge(1)]))
    (planned,) = await world.plan()
    assert planned.code == "posted-differently"


async def test_r16_a_destination_that_moved_is_refused_and_planned_again(world: World) -> None:
    await world.post(charge(1))
    lines = [charge(1), charge(2)]
    await world.give((resolved(lines), lines))
    await world.plan()
    (invoice,) = await world.invoices()
    await world.edit("invoices", invoice["id"], set={"datesent": "2026-11-05T09:00:00"})
    (refused,) = await world.apply()
    assert isinstance(refused, PostingRefused)
    assert (refused.code, refused.plan_again, refused.held) == ("moved", True, True)
    assert len(await world.invoices()) == 1


async def test_r16_only_foreign_lines_changed_keeps_the_approval(world: World) -> None:
    await world.post(charge(1))
    lines = [charge(1), charge(2)]
    await world.give((resolved(lines), lines))
    await world.plan()
    (invoice,) = await world.invoices()
    await world.edit(
        "invoices", invoice["id"], line={"item_shortdescription": "Labour", "qty_order": 1}
    )
    (done,) = await world.apply()
    assert isinstance(done, PostingDone)
    assert done.matches
    assert done.hash


async def test_r1_a_total_that_no_unit_makes_goes_as_one_times_the_amount(world: World) -> None:
    line = charge(1, quantity="7", price="1.23", total="10.00", cost="1", cost_total="7")
    done = await world.post(line)
    (invoice,) = await world.invoices()
    sent = invoice["lines"][0]
    assert sums(done.money) == {"posted": Decimal("10.00")}
    assert (sent["qty_order"], sent["unit_price"]) == (7, 1.4286)
    odd = charge(2, quantity="30000", price="1.23", total="10.01", cost="1", cost_total="7.003")
    await world.post(odd, document="doc_2")
    last = (await world.invoices())[-1]["lines"][0]
    assert (last["qty_order"], last["unit_price"]) == (1, 10.01)
    assert "30000 x 1.23" in last["item_longdescription"]


async def test_the_refused_batch_says_why_and_the_others_go_on(world: World) -> None:
    good, bad = charge(1), charge(2)
    await world.give((resolved([good]), [good]), (resolved([bad], client=99), [bad]))
    await world.plan()
    done, refused = await world.apply(canary=0)
    assert isinstance(done, PostingDone)
    assert isinstance(refused, PostingRefused)
    assert refused.code == "halopsa-refused"
    assert "customer does not exist" in refused.text
    assert sums(refused.money) == {"refused halopsa-refused": Decimal("22.50")}
