"""What a look asks HaloPSA for: everything in the window, or what a search on our prefix narrows
it to where the setting allows that and nothing else has to be seen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from schemas.ids import reference_prefix
from schemas.messages import PostingDone, PostingPlanned
from support.poster import SOURCE, TENANT, charge, resolved

from .world import World

PREFIX = reference_prefix(TENANT, SOURCE, "doc_1")
SEARCHING = {"halopsa": {"find_by_search": True}}
FOREIGN = [
    {
        "id": number,
        "client_id": 42,
        "invoice_date": "2026-11-02T00:00:00",
        "reference": f"PO {number}",
        "lines": [{"id": number, "qty_order": 1, "unit_price": 1, "comment_2": "not ours"}],
    }
    for number in range(5001, 5151)
]


def searches(world: World) -> list[str | None]:
    """Of every list of invoices from now on: the search it asks for, None for none."""
    asked: list[str | None] = []

    async def saw(request: httpx.Request) -> None:
        query = request.url.params
        if request.url.path.endswith("/api/Invoice") and "page_no" in query:
            asked.append(query.get("search"))

    world.http.event_hooks["request"].append(saw)
    return asked


async def planned(world: World, **changes: Any) -> PostingPlanned:
    lines = [charge(1), charge(2)]
    await world.give((resolved(lines, **changes), lines))
    (plan,) = await world.plan()
    return plan


async def test_r18_a_look_lists_the_whole_window_unless_told_otherwise(world: World) -> None:
    await world.load(invoices=FOREIGN)
    asked = searches(world)
    await planned(world)
    assert asked == [None, None], "two pages of a hundred"


async def test_r18_a_search_on_our_prefix_narrows_the_look(world: World) -> None:
    await world.load(invoices=FOREIGN)
    await world.use(**SEARCHING)
    asked = searches(world)
    await world.post(charge(1), charge(2))
    look, *_ = asked
    assert look == PREFIX
    assert asked.count(PREFIX) == 2, "one look when planning, one when applying starts, a page each"


async def test_r18_what_a_search_finds_is_matched_here_as_ever(world: World) -> None:
    await world.use(**SEARCHING)
    await world.post(charge(1), charge(2))
    others = [row | {"reference": f"about {PREFIX}-0"} for row in FOREIGN]
    await world.load(invoices=others)
    world.shelf.clear()
    await world.use(**SEARCHING)
    asked = searches(world)
    again = await world.post(charge(1), charge(2))
    assert set(asked) >= {PREFIX}
    assert (again.created, again.unchanged) == (0, 1), "adopted by its reference, nothing else is"


@pytest.mark.parametrize(
    "head",
    [
        {"policy": {"behaviour": "latest"}},
        {"policy": {"behaviour": "recurring"}, "recurring": -94},
        {"policy": {"net_credit": "append"}},
        {"replaces": ("doc_0",)},
    ],
    ids=str,
)
async def test_r18_whoever_has_to_see_other_invoices_lists_them_all(
    world: World, head: dict[str, Any]
) -> None:
    await world.use(**SEARCHING)
    asked = searches(world)
    await planned(world, **head)
    assert asked == [None]


async def test_r18_lines_on_an_invoice_of_others_are_not_looked_for_by_our_prefix(
    world: World,
) -> None:
    await world.load(invoices=FOREIGN[:1])
    await world.use(**SEARCHING)
    latest = await world.post(charge(1), charge(2), policy={"behaviour": "latest"})
    assert latest.external_ids == ("5001",)
    asked = searches(world)
    plan = await planned(world)
    assert asked == [None]
    assert plan.operations == 0, "they stand on that invoice, whatever the behaviour is now"


async def test_r18_an_uncertain_write_is_looked_for_in_the_whole_window(world: World) -> None:
    await world.use(**SEARCHING)
    await world.spoil({"kind": "lost_answer", "method": "POST", "path": "/Invoice", "times": 1})
    asked = searches(world)
    done = await world.post(charge(1), charge(2))
    assert isinstance(done, PostingDone)
    assert len(await world.invoices()) == 1
    assert asked[:2] == [PREFIX, PREFIX], "planning, and applying the first time"
    assert set(asked[2:]) == {None}
