"""A generated Huntress account: the same for the same seed, and every variety of the sheet."""

from collections import Counter
from typing import Any

import pytest

from sandbox.generate import (
    HUNTRESS_VARIETIES,
    HuntressAccount,
    generate_huntress,
    generate_month,
)
from sandbox.generate.huntress_plants import PLANTS


@pytest.fixture(scope="module")
def account() -> HuntressAccount:
    return generate_huntress(7)


def rows(account: HuntressAccount, variety: str) -> list[dict[str, Any]]:
    wanted = set(account.varieties[variety])
    found = [row for row in account.huntress["organizations"] if row["id"] in wanted]
    assert len(found) == len(wanted) > 0
    return found


def halo(account: HuntressAccount, row: dict[str, Any]) -> int | None:
    found: dict[str, int] = {one["company"]: one["halo"] for one in account.settings["client"]}
    return found.get(str(row["id"]))


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    assert generate_huntress(7).as_bytes() == generate_huntress(7).as_bytes()
    assert generate_huntress(7).as_bytes() != generate_huntress(8).as_bytes()


def test_all_of_the_sheet_is_there() -> None:
    assert list(HUNTRESS_VARIETIES) == [str(number) for number in range(1, 23)]
    by_size_or_fault = {"16", "17", "18"}
    assert set(HUNTRESS_VARIETIES) - set(PLANTS) == by_size_or_fault


@pytest.mark.parametrize("clients", [10, 14, 50])
def test_every_client_of_the_month_has_an_organization(clients: int) -> None:
    month = generate_month(7, clients=clients, lines=200)
    account = generate_huntress(7, clients=clients)
    mapped = set(account.notes["halo_client_by_organization"].values())
    known = {one["id"] for one in month.halopsa["clients"]}
    assert mapped <= known
    if clients == 50:
        by_company, notes = month.notes["halo_client_by_company"], month.notes
        odd = {by_company[notes[f"{name}_company"]] for name in ("missing", "second_currency")}
        odd |= {12, 13, notes["near_name_halo_client"]}  # the partner; a second currency's record
        assert len(known - mapped - odd) == 1, "the one with two organisations of one name"


def test_items_do_not_collide_with_the_month(account: HuntressAccount) -> None:
    month = generate_month(7)
    ids = Counter(one["id"] for one in month.halopsa["items"] + account.halopsa["items"])
    assert max(ids.values()) == 1
    settings = account.added_to(month.settings)
    assert settings["client"][: len(month.settings["client"])] == month.settings["client"]
    assert settings["huntress"]["own_organizations"] == [str(account.varieties["12"][0])]
    assert {row["product"] for row in account.settings["product"]} == {
        "edr",
        "itdr",
        "ispm",
        "sat",
        "siem",
    }


def test_edr_only_all_five_and_two_on_one_tenant(account: HuntressAccount) -> None:
    (one,), (two,), (three,) = (rows(account, name) for name in "123")
    assert set(one["actual_usages"]) == {"edr"}
    assert set(two["actual_usages"]) == {"edr", "itdr", "ispm", "sat", "siem"}
    assert {tenant["type"] for tenant in two["actual_usages"]["itdr"]} == {"microsoft", "google"}
    assert three["actual_usages"]["itdr"] == three["actual_usages"]["ispm"]


def test_counters_without_products_and_products_without_counters(account: HuntressAccount) -> None:
    (four,), (five,), (six,), (legacy,) = (rows(account, name) for name in ("4", "5", "6", "13"))
    assert four["sat_learner_count"] > 0
    assert "sat" not in four["actual_usages"]
    assert (five["actual_usages"], five["agents_count"]) == ({}, 0)
    assert six["actual_usages"]["edr"]["billable_agents_count"] < six["agents_count"]
    assert (legacy["microsoft_365_users_count"] > 0, legacy["agents_count"]) == (True, 0)


def test_who_is_mapped_to_whom(account: HuntressAccount) -> None:
    first, second = rows(account, "7")
    assert halo(account, first) == halo(account, second) is not None
    twins = rows(account, "8")
    assert len({row["name"] for row in twins}) == 1
    assert len({row["key"] for row in twins}) == 2
    assert [bool(row["actual_usages"]) for row in twins] == [True, False]
    for row in (*twins, *rows(account, "9"), *rows(account, "12")):
        assert halo(account, row) is None


def test_what_happens_the_day_after(account: HuntressAccount) -> None:
    changes = {one["organization"]: one for one in account.huntress["days"]}
    (renamed,), (deleted,), (fallen,) = (rows(account, name) for name in ("10", "11", "21"))
    assert set(changes[renamed["id"]]["set"]) == {"name", "key"}
    assert changes[deleted["id"]]["delete"] is True
    assert fallen["agents_count"] == 120
    assert changes[fallen["id"]]["edr"] == 0
    assert {changes[row["id"]]["day"] for row in (renamed, deleted, fallen)} == {"2026-11-06"}


def test_forms_and_names(account: HuntressAccount) -> None:
    text, nothing, unknown = (row["actual_usages"] for row in rows(account, "14"))
    assert (type(text), nothing) == (str, None)
    assert set(unknown) == {"edr", "mdr_plus"}
    assert max(len(row["name"]) for row in rows(account, "15")) == 256
    assert any(not row["name"].isascii() for row in rows(account, "15"))


def test_what_huntress_bills(account: HuntressAccount) -> None:
    (edr, sat) = account.huntress["account_usage_line_items"]
    assert edr["usage"]["billable"] - edr["usage"]["actual"] == 100
    assert sat["usage"]["billable"] == sat["usage"]["actual"]
    statuses = {row["status"] for row in account.huntress["invoices"]}
    assert statuses == {"paid", "voided", "full_refund", "draft"}


def test_each_day_of_the_month_has_its_own_count(account: HuntressAccount) -> None:
    (moving,) = rows(account, "22")
    days = [one for one in account.huntress["days"] if one["organization"] == moving["id"]]
    assert [(one["day"][-2:], one["edr"]) for one in days] == [
        (f"{day:02}", 100 + day) for day in range(1, 31)
    ]


@pytest.mark.parametrize("count", [500, 501, 1001])
def test_as_many_organizations_as_asked_for(count: int) -> None:
    assert len(generate_huntress(1, organizations=count).huntress["organizations"]) == count


def test_only_what_is_asked_for_is_planted() -> None:
    account = generate_huntress(1, plants=["1"], organizations=1)
    assert account.varieties == {"1": [700_001]}
    with pytest.raises(ValueError, match="unknown varieties"):
        generate_huntress(1, plants=["23"])
