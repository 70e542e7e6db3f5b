"""Lists of the Huntress sandbox: tokens, limits, orders, and what may spoil a page."""

from typing import Any

import pytest

from support.huntress import organization, organizations

from .conftest import Account

ASC = {"sort_field": "id", "sort_direction": "asc"}


@pytest.mark.parametrize(("count", "sizes"), [(500, [500]), (501, [500, 1]), (1001, [500, 500, 1])])
async def test_pages_of_five_hundred(account: Account, count: int, sizes: list[int]) -> None:
    await account.load(organizations=organizations(count))
    pages = await account.walk("/organizations", "organizations", limit=500, **ASC)
    assert [len(page) for page in pages] == sizes
    ids = [number for page in pages for number in page]
    assert ids == sorted(ids)
    assert len(set(ids)) == count


async def test_ten_rows_the_highest_id_first_unless_told_otherwise(account: Account) -> None:
    await account.load(organizations=organizations(25))
    pages = await account.walk("/organizations", "organizations")
    assert [len(page) for page in pages] == [10, 10, 5]
    assert pages[0][0] == 700_024


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"page_token": "x"}]
)
async def test_values_out_of_range_are_refused(account: Account, query: dict[str, Any]) -> None:
    await account.load(organizations=organizations(2))
    assert (await account.get("/organizations", **query)).status_code == 400
    assert (await account.get("/organizations", sort_field="colour")).status_code == 400
    assert (await account.get("/organizations", sort_direction="up")).status_code == 400


async def test_numbered_pages_are_ignored(account: Account) -> None:
    await account.load(organizations=organizations(12))
    assert len((await account.read("/organizations", page=2))["organizations"]) == 10


async def test_a_token_belongs_to_its_order(account: Account) -> None:
    await account.load(organizations=organizations(3))
    token = (await account.read("/organizations", limit=1, **ASC))["pagination"]["next_page_token"]
    assert (await account.get("/organizations", page_token=token)).status_code == 400


async def test_other_orders_and_filters(account: Account) -> None:
    rows = [organization(1, name="B"), organization(2, name="A"), organization(3, name="A")]
    await account.load(organizations=rows)
    by_name = {"sort_field": "name", "sort_direction": "asc", "limit": 1}
    assert await account.walk("/organizations", "organizations", **by_name) == [[2], [3], [1]]
    assert await account.walk("/organizations", "organizations", name="A", **ASC) == [[2, 3]]
    found = await account.read("/organizations", key="organization-1")
    assert [row["id"] for row in found["organizations"]] == [1]


async def test_an_organization_that_goes_between_two_pages_moves_no_other(account: Account) -> None:
    await account.load(organizations=organizations(4))
    first = await account.read("/organizations", limit=2, **ASC)
    await account.control("counts", {"organization": 700_000, "delete": True})
    token = first["pagination"]["next_page_token"]
    second = await account.read("/organizations", limit=2, page_token=token, **ASC)
    assert [row["id"] for row in second["organizations"]] == [700_002, 700_003]


@pytest.mark.parametrize(("form", "last"), [("empty", {}), ("null", {"next_page_token": None})])
async def test_the_end_of_a_list_is_told_in_one_of_two_ways(
    account: Account, form: str, last: dict[str, Any]
) -> None:
    await account.load(organizations=organizations(1), settings={"last_page": form})
    assert (await account.read("/organizations"))["pagination"] == last


async def test_older_instances_add_page_numbers(account: Account) -> None:
    await account.load(organizations=organizations(11), settings={"legacy_paging": True})
    pagination = (await account.read("/organizations"))["pagination"]
    assert (pagination["total_count"], pagination["total_pages"], pagination["limit"]) == (
        11,
        2,
        10,
    )


async def test_the_next_address_names_this_host_and_the_token(account: Account) -> None:
    await account.load(organizations=organizations(2))
    pagination = (await account.read("/organizations", limit=1))["pagination"]
    token = pagination["next_page_token"]
    assert pagination["next_page_url"] == (
        f"https://sandbox/huntress/v1/organizations?limit=1&page_token={token}"
    )


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("repeated_row", [[700_000, 700_001], [700_001, 700_002]]),
        ("truncate_page", [[700_000], [700_001, 700_002]]),
    ],
)
async def test_a_page_can_be_spoilt(account: Account, kind: str, seen: list[list[int]]) -> None:
    await account.load(organizations=organizations(3))
    await account.spoil(kind=kind)
    pages = await account.walk("/organizations", "organizations", limit=2, **ASC)
    assert pages[: len(seen)] == seen


@pytest.mark.parametrize("kind", ["token_repeats", "foreign_next_url", "url_without_token"])
async def test_what_leads_on_can_be_spoilt(account: Account, kind: str) -> None:
    await account.load(organizations=organizations(9))
    first = await account.read("/organizations", limit=2, **ASC)
    token = first["pagination"]["next_page_token"]
    await account.spoil(kind=kind)
    second = await account.read("/organizations", limit=2, page_token=token, **ASC)
    found = second["pagination"]
    if kind == "token_repeats":
        assert found["next_page_token"] == token
    elif kind == "foreign_next_url":
        assert found["next_page_url"].startswith("https://elsewhere.example/")
    else:
        assert set(found) == {"next_page_url"}
