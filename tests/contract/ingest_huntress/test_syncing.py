"""A sync reads an account once, whole or not at all, and repeats no call that it has stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.counts import AcceptedCount
from schemas.messages import CountsReceived
from support.counts import counting_settings
from support.huntress import organization, organizations

from .world import FIRST_DAY, Killed, World

ACME = 700101
MAPPED = {"company": str(ACME), "halo": 42}
WHO, LIST, ONE = "GET /actor", "GET /organizations", "GET /organizations/{id}"


def reads(count: int) -> list[dict[str, Any]]:
    return [{"company": str(700_000 + place), "halo": 42 + place} for place in range(count)]


async def two(world: World) -> None:
    """One organisation is mapped, another is nobody's."""
    await world.use(counting_settings(MAPPED))
    await world.load(organizations=[organization(ACME), organization(700102, name="Other")])


async def test_a_mapped_organization_is_read_the_other_is_listed(world: World) -> None:
    await two(world)
    fact = await world.sync()
    head = fact.head
    assert (head.problem, head.organizations, head.rows, head.held) == (None, 2, 4, 0)
    assert (head.connection, head.day, head.mode) == ("connection_halo", "2026-11-05", "detailed")
    assert [(row.organization, row.product, row.count, row.read_from) for row in fact.rows] == [
        ("700101", "edr", 19, "detail"),
        ("700101", "sat", 17, "detail"),
        ("700102", "edr", 21, "list"),
        ("700102", "sat", 17, "list"),
    ]
    assert fact.rows[0].seen == {"agents": 21, "unresponsive": 2}
    assert fact.rows[2].warnings == ("detail-not-read",)
    assert await world.calls() == {WHO: 1, LIST: 1, ONE: 1}


async def test_the_snapshot_is_stored_with_the_bytes_as_they_came(world: World) -> None:
    await two(world)
    fact = await world.sync()
    day = world.days()["2026-11-05"]
    assert list(day.rows) == fact.rows
    assert world.answers(FIRST_DAY) == ["organization/00000000000000700101", "page/0/1-00000"]
    kept = world.shelf["msp", "snapshots", "huntress/2026-11-05/organization/00000000000000700101"]
    notes, _, raw = kept.body.partition(b"\n")
    assert b'"counts":{"edr":19,"sat":17}' in notes
    there = await world.http.get(
        "/huntress/v1/organizations/700101", headers={"Authorization": "Basic aGtfMTpoc18x"}
    )
    assert raw == there.content


@pytest.mark.parametrize(("count", "pages"), [(499, 1), (500, 1), (501, 2), (1001, 3)])
async def test_16_calls_are_one_and_a_page_per_500_and_one_per_mapped(
    world: World, count: int, pages: int
) -> None:
    await world.use(counting_settings(*reads(7)))
    await world.load(organizations=organizations(count))
    fact = await world.sync()
    assert fact.head.organizations == count
    assert await world.calls() == {WHO: 1, LIST: pages, ONE: 7}
    quick = await world.sync(mode="quick")
    assert quick.head.organizations == count
    assert await world.calls() == {WHO: 2, LIST: 2 * pages, ONE: 7}


async def test_quick_mode_takes_the_lists_counters_and_says_so(world: World) -> None:
    await two(world)
    fact = await world.sync(mode="quick")
    assert [(row.count, row.warnings) for row in fact.rows[:2]] == [
        (21, ("count-from-list",)),
        (17, ("count-from-list",)),
    ]


async def test_a_resellers_key_reads_account_by_account(world: World) -> None:
    await world.use(counting_settings(MAPPED, {"company": "700102", "halo": 43}))
    await world.load(
        accounts=[
            {"id": 5501, "name": "North"},
            {"id": 5502, "name": "South"},
            {"id": 5503, "name": "Left", "status": "disabled"},
        ],
        keys=[{"public": "hk_1", "secret": "hs_1", "kind": "reseller"}],
        organizations=[organization(ACME), organization(700102, account_id=5502)],
    )
    fact = await world.sync()
    assert [(row.organization, row.read_from) for row in fact.rows] == [
        ("700101", "detail"),
        ("700101", "detail"),
        ("700102", "detail"),
        ("700102", "detail"),
    ]
    assert await world.calls() == {
        WHO: 1,
        "GET /accounts": 1,
        "GET /accounts/{account}/organizations": 2,
        "GET /accounts/{account}/organizations/{id}": 2,
        "GET /reseller/invoices": 1,
    }


async def test_killed_at_any_step_it_ends_the_same_and_repeats_no_stored_call(
    make: Callable[[], World],
) -> None:
    settings = counting_settings(*reads(5))

    async def account() -> World:
        world = make()
        await world.use(settings)
        await world.load(organizations=organizations(7))
        return world

    whole = await account()
    expected = await whole.sync()
    needed = sum((await whole.calls()).values())
    step, killed = 0, True
    while killed:
        step += 1
        world = await account()
        killed = await world.killed_at(step, world.sync)
        [fact] = world.facts(CountsReceived)
        assert (fact.head, fact.body) == (expected.head, expected.body), f"killed at {step}"
        in_flight = settings.huntress.in_flight
        assert sum((await world.calls()).values()) <= needed + in_flight, f"killed at {step}"
        assert world.days() == whole.days()
    assert step > 20


async def test_what_was_stored_before_a_kill_is_not_asked_for_again(world: World) -> None:
    """One call at a time: the kill comes between two of them, after the third organisation."""
    await world.use(counting_settings(*reads(5), huntress={"in_flight": 1}))
    await world.load(organizations=organizations(5))
    step = 0
    while len([name for name in world.answers(FIRST_DAY) if "organization" in name]) < 3:
        step += 1
        world.shelf.clear()
        await world.control("reset_calls", {})
        world.kill_at, world.steps = step, 0
        with pytest.raises(Killed):
            await world.sync()
        world.kill_at = 0
        world.start()
    before = await world.calls()
    stored = len(world.answers(FIRST_DAY))
    await world.resume()
    [fact] = world.facts(CountsReceived)
    assert fact.head.organizations == 5
    asked = {name: n - before.get(name, 0) for name, n in (await world.calls()).items()}
    assert asked == {WHO: 0, LIST: 0, ONE: 5 - (stored - 1)}


@pytest.mark.parametrize("calls_left", [0, 1, 2, 4])
async def test_a_used_up_budget_makes_the_job_wait_and_repeats_nothing(
    world: World, calls_left: int
) -> None:
    await world.use(counting_settings(*reads(5)))
    await world.load(organizations=organizations(5))
    world.calls_left = calls_left
    fact = await world.sync()
    assert (fact.head.problem, fact.head.organizations) == (None, 5)
    assert world.waits == ["the calls are used up"]
    calls = await world.calls()
    assert (calls[WHO], calls[LIST]) == (1, 1)
    # What was on its way when the budget ended is not awaited; nothing that is stored is repeated.
    assert 5 <= calls[ONE] <= 5 + world.settings.huntress.in_flight - 1


async def test_a_later_sync_of_the_same_day_reads_anew(world: World) -> None:
    await two(world)
    await world.sync()
    await world.control("counts", {"organization": ACME, "edr": 21})
    fact = await world.sync()
    assert (fact.rows[0].count, fact.rows[0].before) == (21, 19)
    assert world.days()["2026-11-05"].rows[0].count == 21
    assert await world.calls() == {WHO: 2, LIST: 2, ONE: 2}


@pytest.mark.parametrize("form", [{}, {"settings": {"error_form": "html"}}])
async def test_18_refused_credentials_are_a_problem_and_bill_nothing(
    world: World, form: dict[str, Any]
) -> None:
    await two(world)
    await world.load(**form)
    world.public_key = "bad"
    fact = await world.sync()
    assert (fact.head.problem, fact.rows) == ("huntress-login", [])
    assert fact.head.text
    assert world.days() == {}


async def test_18_a_right_that_is_missing_in_the_middle_bills_nothing(world: World) -> None:
    await two(world)
    await world.spoil({"kind": "forbidden", "after": 2})
    fact = await world.sync()
    assert (fact.head.problem, fact.rows) == ("huntress-right-missing", [])
    assert (await world.sync()).head.rows == 4


async def test_a_list_that_loses_organizations_is_held_row_by_row(world: World) -> None:
    await world.use(counting_settings(*reads(3)))
    await world.load(organizations=organizations(3))
    await world.sync()
    world.next_day()
    await world.control("counts", {"organization": 700001, "delete": True})
    fact = await world.sync()
    head = fact.head
    assert (head.organizations, head.organizations_before, head.held) == (2, 3, 2)
    held = [(row.organization, row.product, row.code) for row in fact.rows if row.code]
    assert held == [
        ("700001", "edr", "organization-vanished"),
        ("700001", "sat", "organization-vanished"),
    ]


async def test_accepted_values_pass_and_are_compared_with_from_then_on(world: World) -> None:
    await two(world)
    await world.sync()
    world.next_day()
    await world.control("counts", {"organization": ACME, "edr": 60})
    assert (await world.sync()).rows[0].code == "count-jump"
    word = AcceptedCount(organization=str(ACME), product="edr", count=60)
    accepted = (await world.sync(word)).rows[0]
    assert (accepted.code, accepted.before, accepted.count) == (None, 19, 60)
    world.next_day()
    tomorrow = (await world.sync(word)).rows[0]
    assert (tomorrow.code, tomorrow.before) == (None, 60)


async def test_a_day_that_has_passed_can_not_be_read_any_more(world: World) -> None:
    await two(world)
    yesterday = (FIRST_DAY - timedelta(days=1)).isoformat()
    late = await world.sync(day=yesterday)
    assert late.head.problem is None, "it was asked for yesterday and began late"
    for day in (yesterday, (FIRST_DAY - timedelta(days=2)).isoformat()):
        fact = await world.sync(day=day)
        assert (fact.head.problem, fact.rows) == ("count-day-passed", [])


async def test_an_empty_account_is_an_answer(world: World) -> None:
    await world.load(organizations=[])
    fact = await world.sync()
    assert (fact.head.problem, fact.head.organizations, fact.rows) == (None, 0, [])


async def test_snapshots_are_forgotten_after_thirteen_months_with_their_answers(
    world: World,
) -> None:
    await two(world)
    await world.sync()
    world.next_day()
    await world.spoil({"kind": "forbidden", "path": "/organizations/{id}", "times": 1})
    assert (await world.sync()).head.problem == "huntress-right-missing"
    assert world.answers(world.clock.day) == ["page/0/1-00000"], "a day that is never whole"
    world.next_day()
    await world.sync()
    world.next_day(398)
    await world.sync()
    assert list(world.days()) == ["2026-11-05", "2026-11-07", "2027-12-10"]
    world.next_day()
    await world.sync()
    assert list(world.days()) == ["2026-11-07", "2027-12-10", "2027-12-11"]
    assert world.answers(FIRST_DAY) == []
    world.next_day(2)
    await world.sync()
    assert list(world.days()) == ["2027-12-10", "2027-12-11", "2027-12-13"]
    assert world.answers(FIRST_DAY + timedelta(days=1)) == []
