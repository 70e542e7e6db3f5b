"""Counts whose licence is not theirs alone, or that never come to it, double and hide nothing."""

from collections.abc import AsyncIterator

import pytest

from schemas.counts import CountRow

from .count_world import ITEMS, NAMES, CountsWorld, counted
from .world import TENANT_ROWS, only_halo

EDR_NAME, ITDR_NAME = NAMES["edr"], NAMES["itdr"]


@pytest.fixture
async def counts() -> AsyncIterator[CountsWorld]:
    one = CountsWorld(only_halo())
    await one.load(**TENANT_ROWS | {"items": ITEMS})
    await one.use()
    yield one
    await one.http.aclose()
    one.app.close()


async def test_a_licence_that_was_renamed_to_another_product_s_name_is_not_written_for_both(
    counts: CountsWorld,
) -> None:
    """An older HaloPSA names no item, so a name alone would make it ITDR's licence as well."""
    there = {"id": 50, "name": EDR_NAME, "client_id": 42, "item_id": 0, "count": 5}
    await counts.load(software_licences=[there])
    await counts.sync(counted(42, 19))
    await counts.edit("software_licences", 50, set={"name": ITDR_NAME})
    await counts.sync(counted(42, 19), counted(42, 18, "itdr"))
    assert {row.reason for row in counts.rows} == {"licence-shared"}
    assert {row.outcome for row in counts.rows} == {"held"}
    assert await counts.counts() == {(42, ITDR_NAME): 19}


async def test_an_organization_that_moves_to_another_client_leaves_no_units_unsaid(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 19))
    posted = await counts.sync(counted(43, 19))
    assert await counts.counts() == {(42, EDR_NAME): 19, (43, EDR_NAME): 19}
    left = counts.row(42)
    assert (left.outcome, left.reason, left.after) == ("held", "licence-left-over", 19)
    assert posted.held == 1
    await counts.sync(counted(42, 19))
    assert counts.row(42).outcome == "unchanged"
    assert counts.row(43).reason == "licence-left-over"


async def test_what_is_held_before_its_licence_shows_the_count_that_goes_on_billing(
    counts: CountsWorld,
) -> None:
    """The item's mapping was taken away; the licence still counts."""
    await counts.sync(counted(42, 19))
    (licence,) = await counts.licences()
    held = CountRow(
        organization="7042",
        product="edr",
        client=42,
        count=21,
        outcome="held",
        reason="item-unmapped",
    )
    posted = await counts.sync(ended=[held])
    (row,) = counts.rows
    assert (row.reason, row.licence, row.after) == ("item-unmapped", licence["id"], 19)
    assert posted.held == 1


async def test_a_licence_without_units_may_be_deleted_by_hand(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19))
    await counts.sync(counted(42, 0))
    (licence,) = await counts.licences()
    await counts.edit("software_licences", licence["id"], delete=True)
    await counts.sync(counted(42, 0))
    assert (counts.row(42).outcome, counts.row(42).reason) == ("nothing", "")
    await counts.sync(counted(42, 3))
    assert counts.row(42).reason == "licence-gone"
    assert await counts.licences() == []
