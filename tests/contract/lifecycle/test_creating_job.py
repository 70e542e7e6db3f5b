"""The job CreateItems against the sandbox: one item a product, whatever goes wrong."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from math import ceil
from typing import Any

import pytest
from pydantic import TypeAdapter

from lifecycle.domain.items import reference
from schemas.messages import (
    ChargesResolved,
    CreateItems,
    ItemMade,
    ItemsCreated,
)
from support.lifecycle import line

from .conftest import DEFAULTS, Make
from .test_resolving_job import choices, new_product, resolving
from .world import HandRun, World

KEYS = TypeAdapter(list[str])
MADE = TypeAdapter(dict[str, ItemMade])

P2, P3 = "pax8:p2:monthly", "pax8:p3:1-year"


def third(number: int = 3, **changes: Any) -> Any:
    given = {"product_key": P3, "product": "p3", "name": "Vault", "sku": "SKU-3", "term": "1 Year"}
    return line(number, **(given | changes))


async def propose(world: World, **changes: Any) -> None:
    lines = [new_product(price="5.125", cost="4.1"), third(kind="usage")]
    head = await world.receive(lines, "batch_1", **changes)
    await world.run(resolving(world, [head], **changes))


def creating(world: World, *keys: str, **changes: Any) -> HandRun:
    return world.job(world.command(CreateItems, **changes), KEYS.dump_json(list(keys or (P2, P3))))


def made(world: World) -> dict[str, ItemMade]:
    return MADE.validate_json(world.facts(ItemsCreated)[-1][1])


async def ours(world: World) -> list[dict[str, Any]]:
    """The items at HaloPSA that carry our reference."""
    rows = (await world.vendor_state())["entities"]["items"]
    return [r for r in rows if str(r.get("externalreference", "")).startswith("chargeline:")]


async def once_each(world: World) -> None:
    """Every key has one item there, and that is the one on record."""
    await once_each_row(world, P2, P3)
    rows = await ours(world)
    ids = {r["externalreference"]: r["id"] for r in rows}
    assert {k: m.item for k, m in made(world).items()} == {
        P2: ids[reference(P2)],
        P3: ids[reference(P3)],
    }
    assert {k: r.item for k, r in world.items().items() if k in (P2, P3)} == {
        P2: ids[reference(P2)],
        P3: ids[reference(P3)],
    }
    groups = (await world.vendor_state())["entities"]["asset_groups"]
    assert [g["name"] for g in groups].count("BillingBot") == 1


async def once_each_row(world: World, *keys: str) -> None:
    """Every key has one item at HaloPSA, and nothing else carries our reference."""
    counts = Counter(r["externalreference"] for r in await ours(world))
    assert counts == {reference(key): 1 for key in keys}


async def test_r7_new_items_get_codes_reference_group_and_the_first_lines_price(
    world: World,
) -> None:
    await propose(world)
    job = creating(world)
    await world.run(job)
    assert job.guards == 3  # the fence is compared before each write: a group, two items
    await once_each(world)
    rows = {r["externalreference"]: r for r in await ours(world)}
    p2, p3 = rows[reference(P2)], rows[reference(P3)]
    assert (p2["name"], p3["name"]) == ("Basic (Monthly)", "Vault (1 Year)")
    assert (p2["nominalcode"], p2["purchasenominalcode"], p2["taxcode"]) == ("200", "310", 4)
    assert Decimal(str(p2["baseprice"])) == Decimal("5.125")
    assert Decimal(str(p2["recurringcost"])) == Decimal("4.1")
    assert p3["baseprice"] == 0  # no subscription line
    assert (p2["accountsid"], p3["accountsid"]) == ("SKU-2", "SKU-3")
    state = (await world.vendor_state())["entities"]
    (group,) = [g for g in state["asset_groups"] if g["name"] == "BillingBot"]
    assert group["showasitem"] is True
    assert {p2["assetgroup_id"], p3["assetgroup_id"]} == {group["id"]}
    head, _ = world.fact(ItemsCreated)
    assert (head.created, head.failed) == (2, 0)


async def test_r7_matched_items_are_never_changed(world: World) -> None:
    before = (await world.vendor_state())["entities"]["items"]
    await propose(world)
    await world.run(creating(world))
    after = {r["id"]: r for r in (await world.vendor_state())["entities"]["items"]}
    assert [after[r["id"]] for r in before] == before


async def test_r7_one_item_is_made_once_however_many_runs_ask(world: World) -> None:
    await propose(world)
    await propose(world, run="run_2", revision=3)
    await world.run(creating(world))
    await world.run(creating(world, run="run_2", revision=3))
    await once_each(world)
    assert (await world.calls())["POST /Item"] == 2


async def test_r7_the_next_run_uses_what_was_made(world: World) -> None:
    await propose(world)
    await world.run(creating(world))
    await propose(world, run="run_2", revision=3)
    _, body = world.facts(ChargesResolved)[-1]
    assert {k: c.item for k, c in choices(body).items()} == {
        k: m.item for k, m in made(world).items()
    }


async def test_r7_without_our_store_our_items_are_found_by_their_reference(world: World) -> None:
    await propose(world)
    await world.run(creating(world))
    world.shelf.clear()
    await world.use(world.settings)
    await propose(world, revision=3)
    _, body = world.facts(ChargesResolved)[-1]
    assert {c.evidence for c in choices(body).values()} == {"our reference"}
    assert len(await ours(world)) == 2


async def test_r7_two_terms_of_one_product_are_two_items_and_share_no_accounts_id(
    world: World,
) -> None:
    yearly = "pax8:p2:1-year"
    lines = [new_product(), new_product(9, product_key=yearly, term="1 Year")]
    head = await world.receive(lines, "batch_1")
    await world.run(resolving(world, [head]))
    await world.run(creating(world, P2, yearly))
    rows = await ours(world)
    assert sorted(r["accountsid"] for r in rows) == ["", "SKU-2"]
    assert len({r["name"] for r in rows}) == 2


async def refusing(make: Make, **defaults: Any) -> World:
    """HaloPSA refuses the items, because the tax code does not exist."""
    world = await make(defaults=DEFAULTS | {"tax": 99} | defaults)
    await propose(world)
    await world.run(creating(world))
    return world


async def test_r7_a_refused_item_says_so_in_the_vendors_words(make: Make) -> None:
    world = await refusing(make)
    got = made(world)[P2]
    assert (got.item, got.code) == (None, "item-refused")
    assert "tax code does not exist" in got.text
    assert world.fact(ItemsCreated)[0].failed == 2


async def test_r7_a_refused_item_falls_back_to_the_default_item_if_set(make: Make) -> None:
    world = await refusing(make, fallback_to_default_item=True)
    assert {m.item for m in made(world).values()} == {900}
    assert world.items()[P2].item == 900
    assert world.items()[P2].code == "CLOUD"


async def test_r7_a_refused_item_is_made_by_the_next_run_once_the_cause_is_gone(
    make: Make,
) -> None:
    world = await refusing(make)
    await world.control("load", {"tax": [{"id": 99, "name": "New", "code": "N", "value": 0}]})
    await propose(world, revision=3)
    await world.run(creating(world, revision=3))
    await once_each(world)


async def test_a_missing_right_is_told_once_for_all_items(world: World) -> None:
    await propose(world)
    await world.spoil({"kind": "forbidden", "path": "/Item", "method": "POST", "times": 1})
    await world.run(creating(world))
    assert {m.code for m in made(world).values()} == {"halopsa-right-missing"}
    assert (await world.calls())["POST /Item"] == 1
    assert {r.state for k, r in world.items().items() if k in (P2, P3)} == {"proposed"}


async def test_what_was_never_proposed_is_not_made(world: World) -> None:
    await world.run(creating(world, P2))
    assert made(world)[P2].code == "item-not-proposed"
    assert await world.calls() == {}


async def test_an_item_of_another_destination_does_not_count_here(world: World) -> None:
    await propose(world)
    await world.run(creating(world))
    job = creating(world, revision=3)
    job.connection = "connection_other"
    await world.run(job)
    assert {m.code for m in made(world).values()} == {"item-not-proposed"}


@pytest.mark.parametrize("many", [5, 140])
async def test_the_calls_of_a_whole_run_stay_within_the_budget(make: Make, many: int) -> None:
    clients = [
        {"id": 1000 + n, "name": f"Client {n}", "default_currency_code": 1} for n in range(250)
    ]
    items = [{"id": 5000 + n, "name": f"Item {n}"} for n in range(330)]
    world = await make({"clients": clients, "items": items}, defaults={"income": "200"})
    heads = [
        await world.receive(
            [new_product(n, product_key=f"pax8:n{n}:monthly", name=f"New {n}", sku=f"N-{n}")],
            f"batch_{n:03d}",
            client=1000 + n,
        )
        for n in range(many)
    ]
    await world.run(resolving(world, heads))
    keys = [f"pax8:n{n}:monthly" for n in range(many)]
    await world.run(creating(world, *keys))
    assert world.fact(ItemsCreated)[0].created == many
    calls = await world.calls()
    assert sum(calls.values()) <= many + ceil(254 / 100) + ceil(333 / 100) + 6, calls
