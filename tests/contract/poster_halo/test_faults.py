"""Promise 2: answers are lost, processes die, lists lie; each line stands once."""

from decimal import Decimal

import pytest

from chargeline.report import commands_in
from chassis.service import LeaseLost
from chassis.table import Table
from lifecycle.domain.items import ItemRecord
from schemas.messages import PostingDone, PostingRefused
from support.poster import CONNECTION, TENANT, charge, resolved

from .world import World, sums, total


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "empty_500", "truncated", "html"])
@pytest.mark.parametrize("commit", [False, True])
async def test_an_uncertain_create_is_looked_for_before_it_is_repeated(
    world: World, kind: str, commit: bool
) -> None:
    fault = {"kind": kind, "method": "POST", "path": "/Invoice"}
    await world.spoil(fault | ({"commit": True} if commit else {}))
    done = await world.post(charge(1), charge(2))
    assert done.matches
    assert sums(done.money) == {"posted": Decimal("45.00")}
    assert len(await world.invoices()) == 1
    assert set((await world.stamps()).values()) == {1}


async def test_a_limit_on_a_write_waits_and_goes_on(world: World) -> None:
    await world.spoil({"kind": "rate_limit", "method": "POST", "path": "/Invoice"})
    done = await world.post(charge(1))
    assert done.created == 1
    assert len(await world.invoices()) == 1


async def test_a_write_that_never_arrives_is_refused_after_three_absent_looks(world: World) -> None:
    await world.spoil({"kind": "reset", "method": "POST", "path": "/Invoice", "times": -1})
    await world.give((resolved([charge(1)]), [charge(1)]))
    await world.plan()
    (refused,) = await world.apply()
    assert isinstance(refused, PostingRefused)
    assert refused.code == "halopsa-outcome-unknown"
    assert total(refused.money) == (Decimal("22.50"), Decimal("18.75"))
    assert await world.invoices() == []


@pytest.mark.parametrize(
    ("kind", "problem", "posted"),
    [
        ("alter_line", "altered", "48.00"),
        ("drop_line", "missing", "22.50"),
        ("double_line", "doubled", "67.50"),
        ("quantity_to_one", "altered", "30.00"),
    ],
)
async def test_what_reads_back_otherwise_is_named_and_stops_the_run(
    world: World, kind: str, problem: str, posted: str
) -> None:
    await world.spoil({"kind": kind})
    lines = [charge(1), charge(2)]
    others = [charge(3)]
    await world.give((resolved(lines), lines), (resolved(others, client=43), others))
    await world.plan()
    done, refused = await world.apply()
    assert isinstance(done, PostingDone)
    assert isinstance(refused, PostingRefused)
    batch, other = (lines, others) if done.bill_to == "client:42" else (others, lines)
    assert not done.matches
    assert [d.problem for d in done.differences] == [problem]
    assert done.differences[0].line in {line.id for line in batch}
    assert (refused.code, refused.held) == ("run-stopped", True)
    assert sum(e.price for e in refused.money) == sum(line.total for line in other)
    if batch is lines:
        assert sums(done.money)["posted"] == Decimal(posted)


async def test_a_list_that_lacks_a_row_is_not_believed(world: World) -> None:
    await world.spoil({"kind": "stale_list", "lists": 2})
    done = await world.post(charge(1))
    assert done.matches
    assert sums(done.money) == {"posted": Decimal("22.50")}
    await world.spoil({"kind": "truncate_page", "path": "/Invoice", "consistent": True})
    again = await world.post(charge(1))
    assert again.unchanged == 1
    assert len(await world.invoices()) == 1


async def test_a_right_that_is_missing_stops_the_rest(world: World) -> None:
    await world.spoil({"kind": "forbidden", "method": "POST", "path": "/Invoice", "times": -1})
    batches = [[charge(n)] for n in range(3)]
    await world.give(*[(resolved(b, client=42 + n), b) for n, b in enumerate(batches)])
    await world.plan()
    refused = await world.apply(canary=0)
    codes = sorted(r.code for r in refused if isinstance(r, PostingRefused))
    assert codes == ["halopsa-right-missing", "run-stopped", "run-stopped"]


async def test_killed_at_every_step_every_line_stands_once(world: World) -> None:
    """Always new: plan, apply and read back, killed at each store write, save and guard."""
    batches = [[charge(1), charge(2)], [charge(3)]]
    heads = [(resolved(b, client=42 + n), b) for n, b in enumerate(batches)]
    await world.give(*heads)
    await world.plan()
    start = world.steps
    await world.apply()
    steps = world.steps - start
    assert steps > 20
    await world.undo()
    for at in range(1, steps + 1):
        await world.give(*heads)
        await world.plan()
        world.kill_at = world.steps + at
        answers = await world.apply()
        assert all(isinstance(a, PostingDone) and a.matches for a in answers), (at, answers)
        assert set((await world.stamps()).values()) == {1}, at
        assert len(answers) == 2
        await world.undo()
        assert await world.stamps() == {}, at


async def test_r17_the_canary_has_the_median_total_and_is_read_back_alone(
    world: World,
) -> None:
    batches = [[charge(n, quantity=str(n))] for n in (1, 5, 3)]
    await world.give(*[(resolved(b, client=42 + n), b) for n, b in enumerate(batches)])
    await world.plan()
    await world.spoil({"kind": "drop_line"})
    await world.apply()
    (invoice,) = await world.invoices()
    assert invoice["client_id"] == 44


async def test_r18_the_calls_of_a_run_of_always_new(world: World) -> None:
    clients = 10
    foreign = [{"id": n, "client_id": 42, "invoice_date": "2026-10-20"} for n in range(1, 251)]
    await world.load(invoices=foreign)
    batches = [[charge(n)] for n in range(clients)]
    await world.give(*[(resolved(b, client=42 + n), b) for n, b in enumerate(batches)])
    await world.control("reset_calls", {})
    await world.plan()
    await world.apply()
    calls = await world.calls()
    window = 3  # pages of 250 invoices
    assert calls.pop("POST /Invoice") == clients
    assert sum(calls.values()) <= 2 * window + 1 + 10, calls


async def test_a_newer_revision_makes_an_older_plan_superseded(world: World) -> None:
    await world.give((resolved([charge(1)]), [charge(1)]))
    (planned,) = await world.plan()
    old = world.batches
    await world.give((resolved([charge(1), charge(2)]), [charge(1), charge(2)]))
    world.batches, world.revision = old, world.revision - 1
    (refused,) = await world.apply()
    assert isinstance(refused, PostingRefused)
    assert refused.code == "superseded"
    assert await world.invoices() == []
    assert planned.operations == 1


async def test_an_item_that_was_not_made_holds_its_batch(world: World) -> None:
    line = charge(1)
    await world.give((resolved([line]), [line]), item=None)
    (planned,) = await world.plan()
    assert planned.code == "item-missing"
    assert sums(planned.money) == {"held item-missing": Decimal("22.50")}


async def _refuse_item(world: World, key: str, name: str, text: str) -> None:
    """Lifecycle's record of a product whose item HaloPSA would not make."""
    record = ItemRecord(
        product_key=key, connection=CONNECTION, state="refused", name=name, text=text
    )
    await Table(world.outbox, "items", ItemRecord).insert(TENANT, key, record)


async def test_an_item_that_was_refused_says_why_and_what_to_do(world: World) -> None:
    line = charge(1)
    await _refuse_item(world, "pax8:p1:monthly", "Business Premium", "The tax code does not exist.")
    await world.give((resolved([line]), [line]), item=None)
    (planned,) = await world.plan()
    assert planned.code == "item-refused"
    assert "Business Premium: The tax code does not exist: correct that" in planned.text
    assert commands_in(planned.text, "") == [
        "chargeline mappings product pax8:p1:monthly --halo ITEM",
        "chargeline explain --all",
    ]


async def test_whatever_the_vendor_says_the_commands_stay_whole_and_ours(world: World) -> None:
    key = "pax8:bacdd715-2faa-4d08-aea3-5d449443d048:three-years"
    line = charge(1, product_key=key)
    named, said = "A `chargeline undo` " * 20, "no `chargeline undo run_1 --yes` " * 20
    await _refuse_item(world, key, named, said)
    await world.give((resolved([line]), [line]), item=None)
    (planned,) = await world.plan()
    assert commands_in(planned.text, "") == [
        f"chargeline mappings product {key} --halo ITEM",
        "chargeline explain --all",
    ]


async def test_one_absent_look_is_no_proof(world: World) -> None:
    """The list lags behind the write whose answer was lost: a second look finds it."""
    await world.spoil(
        {"kind": "lost_answer", "method": "POST", "path": "/Invoice"},
        {"kind": "stale_list", "lists": 1},
    )
    done = await world.post(charge(1))
    assert done.matches
    assert "one more look first" in world.waits
    assert len(await world.invoices()) == 1


async def test_a_write_may_land_until_its_settle_time_is_over(world: World) -> None:
    await world.give((resolved([charge(1)]), [charge(1)]))
    await world.plan()
    start = world.steps
    await world.apply()
    steps = world.steps - start
    await world.undo()
    waited = False
    for at in range(1, steps + 1):
        await world.give((resolved([charge(1)]), [charge(1)]))
        await world.plan()
        world.waits.clear()
        world.kill_at = world.steps + at
        began = world.clock.now()
        await world.apply()
        if any("may still land" in why for why in world.waits):
            waited = True
            assert (world.clock.now() - began).total_seconds() >= 30
        await world.undo()
    assert waited


async def test_whoever_lost_the_lease_writes_no_more(world: World) -> None:
    await world.give((resolved([charge(1)]), [charge(1)]))
    await world.plan()
    world.lost_at_guard = True
    with pytest.raises(LeaseLost):
        await world.apply()
    assert await world.invoices() == []


async def test_a_line_on_two_invoices_is_doubled(world: World) -> None:
    await world.post(charge(1))
    (invoice,) = await world.invoices()
    await world.load(invoices=[invoice | {"id": 999, "reference": "somebody's copy"}])
    await world.give((resolved([charge(1)]), [charge(1)]))
    (planned,) = await world.plan()
    assert planned.code == "doubled-at-destination"
    assert planned.operations == 0


async def test_killed_at_every_step_nothing_starts_after_a_mismatch(world: World) -> None:
    batches = [[charge(n)] for n in range(3)]
    heads = [(resolved(b, client=42 + n), b) for n, b in enumerate(batches)]
    for at in range(1, 60):
        await world.give(*heads)
        await world.plan()
        await world.control("faults", {"faults": [{"kind": "drop_line"}]})
        before = len(await world.invoices())
        world.kill_at = world.steps + at
        answers = await world.apply()
        done = [a for a in answers if isinstance(a, PostingDone)]
        stopped = [a for a in answers if isinstance(a, PostingRefused)]
        assert [d.matches for d in done] == [False], (at, answers)
        assert [r.code for r in stopped] == ["run-stopped"] * 2, at
        assert len(await world.invoices()) == before + 1, at
        for invoice in await world.invoices():
            await world.edit("invoices", invoice["id"], void=True)
        await world.undo()
        world.kill_at = None


async def test_killed_at_every_step_several_invoices_of_one_batch(world: World) -> None:
    lines = [charge(n, order=f"PO-{n}") for n in range(3)]
    heads = (resolved(lines, policy={"one_invoice_per": "order"}), lines)
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
        assert done.matches
        assert set((await world.stamps()).values()) == {1}, at
        assert len(await world.stamps()) == 3
        await world.undo()
        assert await world.stamps() == {}, at


@pytest.mark.parametrize("fault", ["lost_answer", "empty_500", "reset"])
async def test_an_undo_is_killed_at_every_step_and_loses_its_answer(
    world: World, fault: str
) -> None:
    lines = [charge(1)]
    heads = (resolved(lines), lines)
    for at in range(1, 16):
        await world.give(heads)
        await world.plan()
        await world.apply()
        assert set((await world.stamps()).values()) == {1}
        await world.spoil({"kind": fault, "method": "POST", "path": "/Invoice"})
        world.kill_at = world.steps + at
        answers = await world.undo()
        assert {a.kind for a in answers} == {"PostingUndone"}, at
        assert await world.stamps() == {}, at
        world.kill_at = None


async def test_wrong_credentials_refuse_every_batch_with_all_its_money(world: World) -> None:
    lines = [charge(1), charge(2)]
    await world.give((resolved(lines), lines))
    world.client_id = "bad"
    assert await world.plan() == []
    (refused,) = world.facts(PostingRefused)
    assert (refused.code, refused.command) == ("halopsa-login", "plan")
    assert sums(refused.money) == {"refused halopsa-login": Decimal("45.00")}
    world.client_id = "any"
    await world.give((resolved(lines), lines))
    await world.plan()
    world.client_id = "bad"
    (answer,) = await world.apply()
    assert isinstance(answer, PostingRefused)
    assert (answer.code, answer.command) == ("halopsa-login", "apply")
    assert await world.invoices() == []


async def test_a_head_stays_within_its_limit_whatever_texts_there_are(world: World) -> None:
    lines = [charge(n, text="\U0001f4b8" * 300) for n in range(40)]
    head = resolved(lines, client_name="\U0001f4b8" * 300, warnings=("w" * 90,) * 50)
    await world.spoil({"kind": "drop_line", "times": 30})
    await world.give((head, lines))
    await world.plan()
    (done,) = await world.apply()
    assert isinstance(done, PostingDone)
    assert not done.matches
