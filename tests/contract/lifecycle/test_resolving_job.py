"""The job ResolveRun against the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from chassis.errors import PermanentError
from schemas import frame
from schemas.charges import DecidedLine, ItemChoices
from schemas.messages import (
    BatchEntry,
    BodyRef,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    Company,
    Hold,
    MatchCompanies,
    ResolveRun,
)
from support.lifecycle import entry, line, lines_body, normalized

from .conftest import Make
from .world import HandRun, World

ENTRIES = TypeAdapter(list[BatchEntry])
HOLDS = TypeAdapter(list[Hold])
COMPANIES = TypeAdapter(list[Company])
ELSEWHERE = BodyRef(digest="d" * 64, size_bytes=999)  # lines that nobody fetches here


def new_product(number: int = 2, **changes: Any) -> DecidedLine:
    given = {"product_key": "pax8:p2:monthly", "product": "p2", "name": "Basic", "sku": "SKU-2"}
    return line(number, **(given | changes))


def resolving(world: World, heads: Sequence[ChargesNormalized], **changes: Any) -> HandRun:
    body = ENTRIES.dump_json([entry(h) for h in heads])
    return world.job(world.command(ResolveRun, **changes), body)


def choices(body: bytes) -> dict[str, Any]:
    return ItemChoices.validate_json(body.split(b"\n", 1)[0])


async def test_r7_a_batch_is_resolved_with_its_client_and_items(world: World) -> None:
    lines = [line(1), new_product()]
    head = await world.receive(lines, "batch_1")
    await world.run(resolving(world, [head]))
    fact, body = world.fact(ChargesResolved)
    assert (fact.client, fact.client_name, fact.site, fact.proposed) == (42, "Acme", 57, 1)
    got = choices(body)
    assert (got["pax8:p1:monthly"].item, got["pax8:p1:monthly"].tax) == (901, 4)
    assert got["pax8:p2:monthly"].proposed  # its namesake is closed
    assert (fact.lines_at, body.split(b"\n", 1)[1]) == (head.lines_at, b"[]")


async def test_the_run_lists_clients_and_items_once_however_many_batches(world: World) -> None:
    heads = [await world.receive([line(n)], f"batch_{n:02d}") for n in range(40)]
    await world.run(resolving(world, heads))
    assert len(world.facts(ChargesResolved)) == 40
    assert await world.calls() == {"GET /Client": 1, "GET /Currency": 1, "GET /Item": 1}


async def test_items_are_not_listed_when_no_product_is_matched(world: World) -> None:
    head = await world.receive([line()], "batch_1", lifecycle="off")
    await world.run(resolving(world, [head]))
    assert "GET /Item" not in await world.calls()


async def test_nothing_is_listed_when_nothing_is_kept(world: World) -> None:
    head = await world.receive([line(outcome="excluded", rule="rebate")], "batch_1", client=None)
    await world.run(resolving(world, [head]))
    fact, _ = world.fact(ChargesResolved)
    assert (fact.client, fact.kept_lines) == (0, 0)
    assert await world.calls() == {}


async def test_a_held_client_is_known_by_its_name(world: World) -> None:
    """A bookkeeper knows the client, not its number."""
    held = line(2, outcome="held", rule="product-missing")
    head = await world.receive([line(), held], "batch_1")
    await world.run(resolving(world, [head]))
    fact, _ = world.fact(ChargesHeld)
    assert (fact.code, fact.client_name) == ("product-missing", "Acme")


async def test_a_batch_without_lines_to_bill_is_named_from_the_last_list(world: World) -> None:
    first = await world.receive([line()], "batch_1")
    await world.run(resolving(world, [first]))
    before = await world.calls()
    gone = line(outcome="excluded", rule="superseded")
    head = await world.receive([gone], "batch_2", revision=3)
    await world.run(resolving(world, [head], revision=3))
    fact, _ = world.facts(ChargesResolved)[-1]
    assert (fact.batch, fact.client_name, fact.kept_lines) == ("batch_2", "Acme", 0)
    assert await world.calls() == before


async def match(world: World, **changes: Any) -> None:
    body = COMPANIES.dump_json([Company(company="c1", name="Acme")])
    await world.run(world.job(world.command(MatchCompanies, **changes), body))


async def test_the_clients_of_the_runs_matching_are_used_again(world: World) -> None:
    await match(world, revision=1)
    head = await world.receive([line()], "batch_1")
    await world.run(resolving(world, [head]))
    assert (await world.calls())["GET /Client"] == 1


@pytest.mark.parametrize("later", ["another run", "a retry", "an hour"])
async def test_a_list_that_people_may_have_outdated_is_read_again(world: World, later: str) -> None:
    await match(world, revision=1)
    changes: dict[str, Any] = {"run": "run_2"} if later == "another run" else {}
    if later == "a retry":
        first = await world.receive([line()], "batch_1")
        await world.run(resolving(world, [first]))
        changes = {"revision": 3}
    elif later == "an hour":
        await world.clock.sleep(3600)
    head = await world.receive([line()], "batch_1", **changes)
    await world.run(resolving(world, [head], **changes))
    assert (await world.calls())["GET /Client"] == 2


async def test_a_client_deleted_after_mapping_is_held_with_its_money(world: World) -> None:
    head = await world.receive([line()], "batch_1", client=777)
    await world.run(resolving(world, [head]))
    fact, body = world.fact(ChargesHeld)
    assert (fact.code, fact.held_price, fact.held_lines) == ("client-gone", head.kept_price, 1)
    assert "777" in HOLDS.validate_json(body)[0].text


async def test_inactive_foreign_currency_and_do_not_invoice_are_told_apart(make: Make) -> None:
    world = await make({"clients": [{"id": 46, "name": "Mute", "dontinvoice": True}]})
    heads = [await world.receive([line(n)], f"batch_{n}", client=n) for n in (43, 44, 46)]
    await world.run(resolving(world, heads))
    held = {f.batch: (f.code, f.text) for f, _ in world.facts(ChargesHeld)}
    assert {b: code for b, (code, _) in held.items()} == {
        "batch_43": "currency-mismatch",
        "batch_44": "client-gone",
        "batch_46": "client-not-invoiced",
    }
    assert "USD" in held["batch_43"][1]
    assert "GBP" in held["batch_43"][1]


async def test_r7_an_item_closed_after_mapping_is_held_with_the_command(make: Make) -> None:
    world = await make(product=[{"product": "p2", "halo": 902}])
    head = await world.receive([new_product()], "batch_1")
    await world.run(resolving(world, [head]))
    fact, _ = world.fact(ChargesHeld)
    assert fact.code == "item-gone"
    assert "chargeline mappings product pax8:p2:monthly --halo" in fact.text


async def test_a_hold_is_gone_when_its_cause_is_gone(world: World) -> None:
    head = await world.receive([new_product()], "batch_1", lifecycle="manual")
    await world.run(resolving(world, [head]))
    assert world.fact(ChargesHeld)[0].code == "product-unmatched"
    await world.control("load", {"items": [{"id": 902, "name": "Basic", "status": 14}]})
    again = await world.receive([new_product()], "batch_1", lifecycle="manual", revision=3)
    await world.run(resolving(world, [again], revision=3))
    assert choices(world.fact(ChargesResolved)[1])["pax8:p2:monthly"].item == 902


async def test_r7_a_match_is_a_decision_that_a_later_twin_does_not_upset(world: World) -> None:
    first = await world.receive([line()], "batch_1")
    await world.run(resolving(world, [first]))
    await world.control("load", {"items": [{"id": 950, "name": "Business Premium"}]})
    again = await world.receive([line()], "batch_1", revision=3)
    await world.run(resolving(world, [again], revision=3))
    assert [choices(b)["pax8:p1:monthly"].item for _, b in world.facts(ChargesResolved)] == [
        901,
        901,
    ]


@pytest.mark.parametrize("readable", [True, False])
async def test_r8_a_code_that_a_new_item_needs_is_asked_for(make: Make, readable: bool) -> None:
    xero = {"id": 1, "name": "Books", "tenant_id": "org", "authorized": True}
    world = await make({"xero_details": [xero]}, defaults={"income": "200"})
    if not readable:
        await world.spoil({"kind": "forbidden", "path": "/XeroDetails", "times": 1})
    head = await world.receive([new_product()], "batch_1")
    await world.run(resolving(world, [head]))
    fact, _ = world.fact(ChargesHeld)
    assert fact.code == "default-code-missing"
    assert "expense" in fact.text


async def test_the_job_waits_for_a_batch_that_it_overtook(world: World) -> None:
    head = normalized([line()], settings=world.settings.version)
    job = resolving(world, [head])
    world.meanwhile = lambda: world.deliver(head, lines_body([line()]))
    await world.run(job)
    assert len(world.waits) == 3
    assert world.fact(ChargesResolved)[0].batch == "batch_1"
    assert "not here yet" in world.waits[0]


async def test_a_batch_of_a_newer_revision_is_left_to_its_own_command(world: World) -> None:
    old = normalized([line()], settings=world.settings.version)
    new = await world.receive([line()], "batch_1", revision=5, content="other")
    await world.run(resolving(world, [old]))
    assert world.bus.messages == []
    await world.run(resolving(world, [new], revision=5))
    assert world.fact(ChargesResolved)[0].revision == 5


async def test_a_newer_revision_that_comes_while_deciding_is_not_answered(world: World) -> None:
    old = await world.receive([line()], "batch_1")

    async def newer() -> None:
        world.on_open = None
        await world.receive([new_product()], "batch_1", revision=5, content="other")

    world.on_open = newer
    await world.run(resolving(world, [old]))
    assert world.bus.messages == []
    world.bus.messages.clear()
    again = await world.receive([new_product()], "batch_1", revision=5, content="other")
    await world.run(resolving(world, [again], revision=5))
    assert list(choices(world.fact(ChargesResolved)[1])) == ["pax8:p2:monthly"]


async def test_a_batch_follows_the_revision_rule(world: World) -> None:
    head = await world.receive([line()], "batch_1")
    stored = dict(world.shelf)
    await world.deliver(head, lines_body([line()]))
    older = head.model_copy(update={"revision": 1, "content": "older"})
    await world.deliver(older, lines_body([]))
    assert world.shelf == stored
    with pytest.raises(PermanentError, match="content-differs"):
        await world.deliver(head.model_copy(update={"content": "other"}), lines_body([]))


async def test_keeping_a_batch_is_one_store_write(world: World) -> None:
    before = sum(r.version for r in world.shelf.values())
    await world.receive([line()], "batch_1", lines_at=ELSEWHERE)
    assert sum(r.version for r in world.shelf.values()) == before + 1


async def test_lines_that_lie_in_the_store_are_passed_on_unread(world: World) -> None:
    head = await world.receive([line()], "batch_1", lines_at=ELSEWHERE)
    await world.run(resolving(world, [head]))
    fact, body = world.fact(ChargesResolved)
    assert fact.lines_at == ELSEWHERE
    assert list(choices(body)) == ["pax8:p1:monthly"]


async def test_lines_in_a_message_are_laid_into_the_store_once(world: World) -> None:
    here = normalized([line(), new_product()], settings=world.settings.version)
    lines = lines_body([line(), new_product()])
    await world.deliver(here, lines)
    await world.run(resolving(world, [here]))
    fact, body = world.fact(ChargesResolved)
    assert list(choices(body)) == ["pax8:p1:monthly", "pax8:p2:monthly"]
    assert await world.bodies.get(fact.tenant, fact.lines_at) == lines
    assert body.endswith(b"\n[]")


async def test_a_body_in_the_store_stays_there_until_it_is_passed_on(world: World) -> None:
    lines = [line(n, text="x" * 400) for n in range(1500)]
    body = lines_body(lines)
    assert len(body) > frame.INLINE_LIMIT_BYTES
    head = normalized(lines, settings=world.settings.version)
    message = await world.bodies.message(head, "key", body)
    told = ChargesNormalized.model_validate_json(frame.decode(message.value)[0])
    assert told.body is not None
    await world.deliver(told, body)
    await world.run(resolving(world, [told]))
    fact, _ = world.fact(ChargesResolved)
    assert fact.lines_at == told.body
    assert await world.bodies.get(fact.tenant, fact.lines_at) == body


async def test_wrong_credentials_hold_every_batch_named(world: World) -> None:
    world.client_id = "bad"
    here = await world.receive([line()], "batch_1")
    await world.run(resolving(world, [here]))
    fact, _ = world.fact(ChargesHeld)
    assert (fact.code, fact.held_price) == ("halopsa-login", here.kept_price)


async def test_a_batch_that_never_comes_is_held_in_the_end(world: World) -> None:
    here = await world.receive([line()], "batch_1")
    lost = normalized([line()], "batch_2", settings=world.settings.version)
    job = resolving(world, [here, lost])
    job.attempts = 300
    await world.run(job)
    assert world.fact(ChargesResolved)[0].batch == "batch_1"
    assert (world.fact(ChargesHeld)[0].batch, world.fact(ChargesHeld)[0].code) == (
        "batch_2",
        "batch-missing",
    )


def outcome(world: World) -> Any:
    resolved = {f.batch: (f.model_dump(), b) for f, b in world.facts(ChargesResolved)}
    held = {f.batch: (f.model_dump(), b) for f, b in world.facts(ChargesHeld)}
    return resolved, held, world.items()


async def start(make: Make) -> tuple[World, HandRun]:
    world = await make()
    heads = [
        await world.receive([line(1), new_product()], "batch_1"),
        await world.receive([line(3)], "batch_2", client=None),
        await world.receive([], "batch_3", client=None),
    ]
    return world, resolving(world, heads)


async def test_killed_at_any_step_every_batch_is_answered_once_and_the_same(make: Make) -> None:
    whole, job = await start(make)
    await whole.run(job)
    step, killed = 0, True
    while killed:
        step += 1
        world, job = await start(make)
        killed = await world.run_killed_at(job, step)
        assert outcome(world) == outcome(whole), f"killed at step {step}"
    assert step > 15
