"""The vendor sheet's table, variety by variety, over two days of a generated account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sandbox.generate.huntress import HuntressAccount, generate_huntress
from schemas.counts import Count
from schemas.messages import CountsReceived
from schemas.settings import Settings

from .world import FIRST_DAY, World

SEED = 2026


def account(*plants: str, reseller: bool = False) -> HuntressAccount:
    return generate_huntress(
        SEED, 20, first_day=FIRST_DAY, plants=plants, organizations=0, reseller=reseller
    )


class Story:
    """A generated account in the sandbox, and the rows of one variety of it."""

    def __init__(self, world: World, made: HuntressAccount) -> None:
        self.world, self.made = world, made

    async def sync(self, variety: str, mode: str = "detailed") -> list[Count]:
        rows = (await self.world.sync(mode=mode)).rows
        wanted = {str(number) for number in self.made.varieties[variety]}
        return [row for row in rows if row.organization in wanted]


type Tell = Callable[..., Awaitable[Story]]


@pytest.fixture
def tell(make: Callable[[], World]) -> Tell:
    async def story(*plants: str, reseller: bool = False) -> Story:
        world, made = make(), account(*plants, reseller=reseller)
        await world.load(**made.huntress)
        await world.use(Settings.model_validate(made.settings))
        return Story(world, made)

    return story


def units(rows: list[Count]) -> dict[str, int]:
    return {row.product: row.count for row in rows}


async def test_1_endpoints_only(tell: Tell) -> None:
    story = await tell("1")
    assert units(await story.sync("1")) == {"edr": 12}


async def test_2_five_products_and_two_tenants(tell: Tell) -> None:
    story = await tell("2")
    rows = await story.sync("2")
    assert units(rows) == {"edr": 19, "itdr": 18, "ispm": 15, "sat": 17, "siem": 4}
    assert rows[1].seen == {"tenants": 2, "identities": 36}


async def test_3_equal_counts_of_two_products(tell: Tell) -> None:
    story = await tell("3")
    assert units(await story.sync("3")) == {"itdr": 9, "ispm": 9}


async def test_4_a_counter_without_its_product(tell: Tell) -> None:
    story = await tell("4")
    assert units(await story.sync("4")) == {"edr": 8}
    quick = await story.sync("4", mode="quick")
    assert units(quick) == {"edr": 8, "sat": 6}
    assert quick[1].warnings == ("count-from-list",)


async def test_5_nothing_at_all(tell: Tell) -> None:
    story = await tell("5")
    assert await story.sync("5") == []


async def test_6_fewer_are_billable_than_there_are(tell: Tell) -> None:
    story = await tell("6")
    [row] = await story.sync("6")
    assert (row.count, row.seen["agents"], row.seen["unresponsive"]) == (19, 24, 5)


async def test_7_two_organizations_keep_their_own_rows(tell: Tell) -> None:
    story = await tell("7")
    rows = await story.sync("7")
    assert len({row.organization for row in rows}) == 2
    assert all(row.read_from == "detail" for row in rows)


async def test_8_twins_are_named_for_review(tell: Tell) -> None:
    story = await tell("8")
    [row] = await story.sync("8")
    full, empty = story.made.varieties["8"]
    assert row.organization == str(full)
    assert "organization-name-doubled" in row.warnings
    assert str(empty) in row.text


async def test_9_nobodys_organization_is_listed(tell: Tell) -> None:
    story = await tell("9")
    rows = await story.sync("9")
    assert rows
    assert all("detail-not-read" in row.warnings for row in rows)
    assert "GET /organizations/{id}" not in await story.world.calls()


async def test_10_a_new_name_keeps_its_past(tell: Tell) -> None:
    story = await tell("10")
    before = await story.sync("10")
    story.world.next_day()
    after = await story.sync("10")
    assert [row.before for row in after] == [row.count for row in before]
    assert after[0].organization_name == f"{before[0].organization_name} Group"


async def test_11_deleted_overnight_is_held_with_its_last_quantity(
    tell: Tell,
) -> None:
    story = await tell("11")
    before = await story.sync("11")
    story.world.next_day()
    after = await story.sync("11")
    assert {row.code for row in after} == {"organization-vanished"}
    assert [row.before for row in after] == [row.count for row in before]
    assert {row.count for row in after} == {0}


async def test_11_listed_but_not_to_be_read_any_more(tell: Tell) -> None:
    story = await tell("11")
    await story.sync("11")
    await story.world.spoil({"kind": "html", "status": 404, "after": 2})
    assert {row.code for row in await story.sync("11")} == {"organization-vanished"}


async def test_12_the_msps_own_organization_is_not_read(tell: Tell) -> None:
    story = await tell("12")
    await story.sync("12")
    assert "GET /organizations/{id}" not in await story.world.calls()


async def test_13_only_a_counter_of_old(tell: Tell) -> None:
    story = await tell("13")
    [row] = await story.sync("13")
    assert (row.count, row.before, row.warnings) == (0, None, ("legacy-fields-only",))


async def test_14_usages_as_text_as_null_and_with_an_unknown_product(
    tell: Tell,
) -> None:
    story = await tell("14")
    text, _, odd = (str(number) for number in story.made.varieties["14"])
    rows = await story.sync("14")
    assert [(row.organization, row.product, row.count) for row in rows] == [
        (text, "edr", 11),
        (odd, "edr", 11),
        (odd, "mdr_plus", 0),
    ]
    assert rows[2].warnings == ("product-unknown",)


async def test_15_names_survive_the_store_and_the_bus(tell: Tell) -> None:
    story = await tell("15")
    loaded = {str(row["id"]): row["name"] for row in story.made.huntress["organizations"]}
    rows = await story.sync("15")
    assert {row.organization: row.organization_name for row in rows} == loaded
    assert max(map(len, loaded.values())) == 256


async def test_19_a_shortfall_is_nobodys_count(tell: Tell) -> None:
    """The reseller pays for 400 where 300 are used: clients are counted as they are."""
    story = await tell("1", "19", reseller=True)
    assert units(await story.sync("1")) == {"edr": 12}
    said = story.world.facts(CountsReceived)[-1].head
    [short] = said.shortfalls
    assert (short.account_name, short.product, short.units) == ("Northlight", "edr", 100)
    assert (short.billed, short.used, short.minimum) == (400, 300, 400)
    assert (short.start, short.end) == ("2026-10-14", "2026-11-14")
    assert (said.shortfalls_found, said.shortfalls_unknown) == (1, "")
    calls = await story.world.calls()
    assert {name: n for name, n in calls.items() if "/reseller" in name} == {
        "GET /reseller/invoices": 1,
        "GET /reseller/invoices/{invoice}/account_usage_line_items": 1,
    }


async def test_19_the_newest_invoice_that_stands_says_what_is_billed(
    make: Callable[[], World],
) -> None:
    world, made = make(), account("1", "19", reseller=True)
    [newest] = made.huntress["reseller_invoices"]
    older = newest | {"id": newest["id"] + 1, "created_at": "2026-10-14T08:00:00Z"}
    void = newest | {"id": newest["id"] + 2, "created_at": "2026-11-20T08:00:00Z"}
    others = [older, void | {"status": "voided"}]
    await world.load(**made.huntress | {"reseller_invoices": [*others, newest]})
    await world.use(Settings.model_validate(made.settings))
    [short] = (await world.sync()).head.shortfalls
    assert short.units == 100


async def test_19_a_minimum_that_may_not_be_read_stops_no_count(tell: Tell) -> None:
    story = await tell("1", "19", reseller=True)
    await story.world.spoil({"kind": "forbidden", "path": "/reseller/invoices", "times": -1})
    assert units(await story.sync("1")) == {"edr": 12}
    said = story.world.facts(CountsReceived)[-1].head
    assert (said.problem, said.shortfalls) == (None, ())
    assert said.shortfalls_unknown.startswith("huntress-right-missing: ")


async def test_20_invoices_are_for_checks_and_never_read_by_a_sync(
    tell: Tell,
) -> None:
    story = await tell("1", "20")
    assert units(await story.sync("1")) == {"edr": 12}
    assert not [name for name in await story.world.calls() if "invoices" in name]


async def test_21_from_120_to_0_overnight_is_held(tell: Tell) -> None:
    story = await tell("21")
    assert units(await story.sync("21")) == {"edr": 120}
    story.world.next_day()
    [row] = await story.sync("21")
    assert (row.count, row.before, row.code) == (0, 120, "count-zero")


async def test_22_each_day_has_a_snapshot_of_its_own(tell: Tell) -> None:
    story = await tell("22")
    for _ in range(3):
        await story.sync("22")
        story.world.next_day()
    counts = {day: [row.count for row in kept.rows] for day, kept in story.world.days().items()}
    assert counts == {"2026-11-05": [105], "2026-11-06": [106], "2026-11-07": [107]}


async def test_a_whole_account_of_all_varieties_is_read_within_its_calls(world: World) -> None:
    made = generate_huntress(SEED, 50, first_day=FIRST_DAY)
    await world.load(**made.huntress)
    await world.use(Settings.model_validate(made.settings))
    fact = await world.sync()
    own = set(made.settings["huntress"]["own_organizations"])
    mapped = {row["company"] for row in made.settings["client"]} - own
    assert await world.calls() == {
        "GET /actor": 1,
        "GET /organizations": 1,
        "GET /organizations/{id}": len(mapped),
    }
    assert fact.head.organizations == made.notes["organizations"]
