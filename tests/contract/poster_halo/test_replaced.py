"""Replaced documents (R14): what is equal is settled, the rest is posted as a difference."""

from decimal import Decimal

from schemas.messages import PostingDone
from support.poster import charge, resolved

from .world import World, sums, total


async def test_r14_equal_pairs_are_settled_and_differences_posted(world: World) -> None:
    old = [charge(1), charge(2), charge(3)]
    await world.post(*old)
    (first,) = await world.invoices()
    new = [
        charge(11, document="doc_2", slot="slot1-0"),
        charge(12, document="doc_2", slot="slot2-0", quantity="5"),
        charge(14, document="doc_2", slot="slot4-0", quantity="10", total="75.004"),
    ]
    head = resolved(new, document="doc_2", replaces=("doc_1",))
    await world.give((head, new))
    (planned,) = await world.plan()
    assert total(planned.money) == (head.kept_price, head.kept_cost)
    (done,) = await world.apply()
    assert isinstance(done, PostingDone)
    assert done.matches
    assert total(done.money) == (head.kept_price, head.kept_cost)
    # 15.00 more for line 2, 75.00 for line 4, 22.50 back for line 3
    assert sums(done.money) == {
        "posted": Decimal("67.50"),
        "settled": Decimal("67.50"),
        "rounding": Decimal("0.004"),
    }
    assert sum(e.lines for e in done.money if e.outcome != "rounding") == 3
    standing = sum(row["total"] - row["tax_total"] for row in await world.invoices())
    assert abs(standing - 135) < 0.01
    again = await world.post(*new, document="doc_2", replaces=("doc_1",))
    assert again.unchanged == 1
    there, _ = await world.invoices()
    assert there == first, "it is open, and no line of it was edited"


async def test_a_batch_posted_at_another_account_waits_until_it_is_undone(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    await world.edit("invoices", invoice["id"], delete=True)  # the other account does not have it
    line = charge(1)
    other = "connection_other"
    await world.give((resolved([line], connection=other), [line]))
    (planned,) = await world.plan(connection=other)
    assert planned.code == "posted-elsewhere"
    await world.undo(resolved([line]))
    await world.give((resolved([line], connection=other), [line]))
    (planned,) = await world.plan(connection=other)
    assert planned.operations == 1
