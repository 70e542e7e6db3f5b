"""Counts on licences (R21): only what changed is written, on the licence that is ours."""

from collections.abc import AsyncIterator

import pytest

from schemas.counts import CountRow, CountsResolved

from .count_world import EDR, ITEMS, NAMES, CountsWorld, counted, part
from .world import TENANT_ROWS, OneBody, only_halo

NAME = NAMES["edr"]


@pytest.fixture
async def counts() -> AsyncIterator[CountsWorld]:
    one = CountsWorld(only_halo())
    await one.load(**TENANT_ROWS | {"items": ITEMS})
    await one.use()
    yield one
    await one.http.aclose()
    one.app.close()


async def test_licences_are_made_then_only_changed_counts_are_written(
    counts: CountsWorld,
) -> None:
    posted = await counts.sync(counted(42, 19), counted(43, 7), counted(42, 18, "itdr"))
    assert (posted.created, posted.updated, posted.unchanged) == (3, 0, 0)
    assert await counts.counts() == {
        (42, NAME): 19,
        (43, NAME): 7,
        (42, NAMES["itdr"]): 18,
    }
    licence = (await counts.licences())[0]
    made = {name: licence[name] for name in ("type", "site_id", "item_id", "vendor", "is_active")}
    assert made == {"type": 0, "site_id": -1, "item_id": EDR, "vendor": "Huntress"} | {
        "is_active": True
    }
    assert await counts.written() == 1

    again = await counts.sync(counted(42, 19), counted(43, 7), counted(42, 18, "itdr"))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    assert await counts.written() == 0

    changed = await counts.sync(counted(42, 21), counted(43, 7), counted(42, 18, "itdr"))
    assert (changed.updated, changed.unchanged) == (1, 2)
    row = counts.row(42)
    assert (row.before, row.after, row.outcome, row.reason) == (19, 21, "updated", "")
    assert row.licence == licence["id"]
    assert row.at.startswith("2026-11-05T08:")
    assert await counts.written() == 1


async def test_the_calls_of_a_sync_are_lists_by_the_hundred_and_one_write(
    counts: CountsWorld,
) -> None:
    clients = [{"id": n, "name": f"Client {n}"} for n in range(1_000, 1_250)]
    await counts.load(clients=clients)
    many = [counted(n, n % 7 + 1) for n in range(1_000, 1_250)]
    await counts.control("reset_calls", {})
    await counts.sync(*many)
    assert await counts.calls() == {"GET /SoftwareLicence": 1 + 3, "POST /SoftwareLicence": 3}
    await counts.control("reset_calls", {})
    await counts.sync(*many)
    assert await counts.calls() == {"GET /SoftwareLicence": 3}


async def test_a_person_s_name_price_and_cost_of_a_licence_survive(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19))
    (licence,) = await counts.licences()
    ours = {"name": "EDR for Acme", "price": 9.5, "notes": "agreed"}
    await counts.edit("software_licences", licence["id"], set=ours)
    await counts.sync(counted(42, 20))
    (after,) = await counts.licences()
    assert after == licence | ours | {"count": 20}
    assert counts.row(42).warnings == ("licence-renamed",)


async def test_a_count_of_nothing_is_written_as_zero_and_never_deleted(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 19))
    await counts.sync(counted(42, 0), counted(43, 0))
    assert await counts.counts() == {(42, NAME): 0}
    assert counts.outcomes() == {(42, "edr"): "updated", (43, "edr"): "nothing"}


async def test_many_organizations_of_one_client_are_one_licence_and_a_row_each(
    counts: CountsWorld,
) -> None:
    ended = CountRow(organization="9", product="edr", count=3, outcome="excluded", reason="own")
    both = counted(42, 12, parts=(part(1, 5), part(2, 7)))
    await counts.sync(both, ended=[ended])
    assert await counts.counts() == {(42, NAME): 12}
    shown = [(r.organization, r.count, r.after, r.outcome) for r in counts.rows]
    assert sorted(shown) == [
        ("1", 5, 12, "created"),
        ("2", 7, 12, "created"),
        ("9", 3, None, "excluded"),
    ]


async def test_a_held_sum_keeps_the_licence_s_old_count(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 120))
    posted = await counts.sync(counted(42, 0, code="count-zero", text="120 fell to 0"))
    row = counts.row(42)
    assert (row.outcome, row.reason, row.before, row.after) == ("held", "count-zero", 120, 120)
    assert row.text == "120 fell to 0"
    assert posted.held == 1
    await counts.sync(counted(42, 0))
    assert await counts.counts() == {(42, NAME): 0}


async def test_a_part_that_waits_holds_the_sum_and_each_row_says_its_own(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 12, parts=(part(1, 5), part(2, 7))))
    waits = part(2, 0).model_copy(
        update={"code": "count-zero", "text": "7 fell to 0", "warnings": ("detail-not-read",)}
    )
    whole = counted(42, 6, parts=(part(1, 6), waits), code="count-zero", text="two: 7 fell to 0")
    await counts.sync(whole)
    one, two = counts.rows
    assert (one.reason, one.text, one.outcome) == ("client-count-held", "two: 7 fell to 0", "held")
    assert (two.reason, two.text, two.warnings) == (
        "count-zero",
        "7 fell to 0",
        ("detail-not-read",),
    )
    assert await counts.counts() == {(42, NAME): 12}


LICENCE = {"id": 50, "name": NAME, "client_id": 42, "item_id": EDR, "count": 5}


@pytest.mark.parametrize(
    ("rows", "code", "named"),
    [
        ([LICENCE | {"item_id": 12}], "licence-differs", "item 12"),
        ([LICENCE | {"type": 1}], "licence-differs", "subscription"),
        ([LICENCE, LICENCE | {"id": 51}], "licence-doubled", "50, 51"),
        ([LICENCE | {"is_active": False}], "licence-inactive", "(50)"),
        ([LICENCE | {"deleted": True}], "licence-gone", "(50)"),
    ],
)
async def test_a_licence_that_may_not_be_ours_is_held_and_named(
    counts: CountsWorld, rows: list[dict[str, object]], code: str, named: str
) -> None:
    await counts.load(software_licences=rows)
    before = await counts.licences()
    await counts.sync(counted(42, 19))
    row = counts.row(42)
    assert (row.outcome, row.reason) == ("held", code)
    assert named in row.text
    assert "Client 42 (42)" in row.text
    assert await counts.licences() == before


async def test_a_licence_that_is_there_is_taken_over_also_without_an_item(
    counts: CountsWorld,
) -> None:
    there = [LICENCE | {"item_id": 0}, LICENCE | {"id": 51, "site_id": 3, "count": 2}]
    await counts.load(software_licences=there)
    await counts.sync(counted(42, 19))
    row = counts.row(42)
    assert (row.outcome, row.licence, row.before, row.after) == ("updated", 50, 5, 19)
    assert row.warnings == ("licence-without-item",)


async def test_a_licence_of_ours_that_is_gone_is_not_made_again_until_one_is_there(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 19))
    (licence,) = await counts.licences()
    await counts.edit("software_licences", licence["id"], delete=True)
    await counts.sync(counted(42, 20))
    assert (counts.row(42).reason, counts.row(42).after) == ("licence-gone", None)
    assert str(licence["id"]) in counts.row(42).text
    assert await counts.licences() == []
    await counts.load(software_licences=[LICENCE])
    await counts.sync(counted(42, 20))
    assert counts.row(42).outcome == "updated"
    assert await counts.counts() == {(42, NAME): 20}


async def test_two_products_on_one_licence_are_held(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19), counted(42, 18, "itdr", licence=NAME))
    assert {row.reason for row in counts.rows} == {"licence-shared"}
    assert await counts.licences() == []


async def test_somebody_else_s_count_is_said_and_held_when_it_comes_again(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 19))
    (licence,) = await counts.licences()
    who = {"who": "Huntress"}
    await counts.edit("software_licences", licence["id"], set={"count": 30}, **who)
    posted = await counts.sync(counted(42, 19))
    row = counts.row(42)
    assert (row.outcome, row.warnings) == ("updated", ("count-other-writer",))
    assert "30" in row.text
    assert "19" in row.text
    assert posted.warnings == ("count-other-writer",)

    await counts.edit("software_licences", licence["id"], set={"count": 31}, **who)
    await counts.sync(counted(42, 20))
    row = counts.row(42)
    assert (row.outcome, row.reason, row.after) == ("held", "count-other-writer", 31)
    assert f"({licence['id']})" in row.text

    await counts.sync(counted(42, 20))  # it may write 31 every night
    assert (counts.row(42).outcome, counts.row(42).after) == ("held", 31)
    await counts.edit("software_licences", licence["id"], set={"count": 19})
    await counts.sync(counted(42, 21))  # the other one was switched off, and ours put back
    assert (counts.row(42).outcome, counts.row(42).warnings) == ("updated", ())
    assert await counts.counts() == {(42, NAME): 21}


async def test_another_sync_that_keeps_a_licence_is_detected_by_its_marks(
    counts: CountsWorld,
) -> None:
    mark = {"third_party_productname": "Huntress EDR"}
    native = LICENCE | mark | {"name": "Huntress - Endpoints", "id": 60}
    await counts.load(software_licences=[native])
    await counts.sync(counted(42, 19))
    row = counts.row(42)
    assert (row.outcome, row.warnings) == ("created", ("count-native-sync",))
    assert "'Huntress - Endpoints' (60)" in row.text
    await counts.load(software_licences=[LICENCE | mark | {"client_id": 43, "id": 61}])
    await counts.sync(counted(42, 19), counted(43, 4))
    assert counts.row(43).warnings == ("count-native-sync",)


async def test_a_licence_that_nothing_counts_any_more_is_shown(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19), counted(43, 7))
    moved = CountRow(organization="7042", product="edr", count=19, outcome="charged", client=42)
    posted = await counts.sync(counted(43, 7), ended=[moved])
    (left,) = [row for row in counts.rows if row.reason == "licence-left-over"]
    assert (left.client, left.after, left.outcome, posted.held) == (42, 19, "held", 1)
    (licence,) = [r for r in await counts.licences() if r["client_id"] == 42]
    await counts.edit("software_licences", licence["id"], set={"count": 0})
    await counts.sync(counted(43, 7), ended=[moved])
    assert [row.reason for row in counts.rows] == ["", ""]


async def test_older_counts_never_replace_newer_ones(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19), at=9)
    posted = await counts.sync(counted(42, 3), at=8)
    assert (posted.problem, counts.row(42).outcome) == ("superseded", "refused")
    assert await counts.counts() == {(42, NAME): 19}


async def test_a_sync_that_ended_with_a_problem_is_no_job(counts: CountsWorld) -> None:
    head = CountsResolved(**counts.about(), day="2026-11-05", problem="list-incomplete")
    route = next(r for r in counts.service.routes if r.topic == "counts.resolved.v1")
    await route.on[CountsResolved](head, OneBody(b"{}"))
    assert not [place for place in counts.shelf if place[1] == "jobs"]
    head = head.model_copy(update={"problem": None})
    await route.on[CountsResolved](head, OneBody(b"{}"))
    assert [place for place in counts.shelf if place[1] == "jobs"]
