"""A month of counts becomes charges: batches, a document read, and what the statement sums."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.received import received
from schemas.bodies import DocumentBatches
from schemas.charges import ChargeLine, ChargeLines
from schemas.messages import ChargesReceived, DocumentEntry, DocumentRead, DocumentsListed
from schemas.settings import Settings
from support.counts import counting_settings
from support.huntress import organization, organizations
from support.memory_records import MemoryRecords

from .world import TENANT, Fact, World

EDR = {"product": "edr", "bill": "charge", "price": "4.25", "cost": "2.10"}
FIRST, SECOND = 700101, 700102
CUT_OFF = {"rule": [EDR], "cut_off_day": 6}


def billed(**counts: Any) -> Settings:
    """Two organisations of two clients; endpoints are billed as charges, on the 6th."""
    return counting_settings(
        {"company": str(FIRST), "halo": 42},
        {"company": str(SECOND), "halo": 43},
        counts=CUT_OFF | counts,
    )


@pytest.fixture
async def counted(world: World) -> World:
    """The 5th and the 6th of November are read, and it is the 7th."""
    await world.use(billed())
    await world.load(organizations=[organization(FIRST), organization(SECOND, name="Second")])
    await world.sync()
    world.next_day()
    await world.control("counts", {"organization": FIRST, "edr": 21})
    await world.sync()
    world.next_day()
    return world


def batches(world: World) -> dict[str, tuple[ChargesReceived, list[ChargeLine]]]:
    """Those of the last revision, by bill-to."""
    return {
        fact.head.bill_to: (fact.head, ChargeLines.validate_json(fact.body))
        for fact in world.facts(ChargesReceived)
        if fact.head.revision == world.revision
    }


def read(world: World) -> Fact[DocumentRead]:
    return world.facts(DocumentRead)[-1]


async def test_a_month_is_one_batch_a_client_and_its_lines_are_priced(counted: World) -> None:
    before = await counted.calls()
    await counted.ingest("2026-11")
    found = batches(counted)
    assert {name: (head.price, head.cost) for name, (head, _) in found.items()} == {
        "client:42": (Decimal("89.25"), Decimal("44.10")),
        "client:43": (Decimal("80.75"), Decimal("39.90")),
    }
    head, [line] = found["client:42"]
    assert (head.client, head.currency, head.period, head.hold) == (42, "USD", "2026-11", None)
    assert (line.product, line.company, line.quantity) == ("edr", str(FIRST), Decimal(21))
    fact = read(counted)
    assert (fact.head.problem, fact.head.batches, fact.head.rows_read) == (None, 2, 2)
    assert (fact.head.rows_promised, fact.head.document_date) == (2, "2026-11-06")
    named = DocumentBatches.model_validate_json(fact.body)
    assert [entry.content for entry in named.batches] == [h.content for h, _ in found.values()]
    assert await counted.calls() == before, "a month is billed without a call"


async def test_the_statement_sums_what_was_received_by_itself(counted: World) -> None:
    await counted.ingest("2026-11")
    sums = await received(MemoryRecords(counted.shelf), TENANT, "2026-11")
    assert {c: (s.lines, s.price, s.cost) for c, s in sums.items()} == {
        "USD": (2, Decimal("170.00"), Decimal("84.00"))
    }


async def test_formed_again_under_other_settings_it_is_another_month(counted: World) -> None:
    await counted.ingest("2026-11")
    await counted.use(billed(rule=[EDR | {"price": "5"}], cut_off_day=5))
    await counted.ingest("2026-11", stored=True)
    head, [line] = batches(counted)["client:42"]
    assert (line.quantity, head.price) == (Decimal(19), Decimal(95))
    sums = await received(MemoryRecords(counted.shelf), TENANT, "2026-11")
    assert sums["USD"].price == Decimal(190)


async def test_a_month_that_is_formed_anew_leaves_no_line_of_before(
    make: Callable[[], World],
) -> None:
    """One page more than fits, and then a price for one client alone."""
    world = make()
    mapped = [{"company": str(700_000 + place), "halo": place + 1} for place in range(501)]
    await world.use(counting_settings(*mapped, counts={"rule": [EDR], "cut_off_day": 5}))
    await world.load(organizations=organizations(501))
    await world.sync(mode="quick")
    records = MemoryRecords(world.shelf)
    await world.ingest("2026-11")
    assert (await received(records, TENANT, "2026-11"))["USD"].lines == 501
    alone = {"rule": [EDR | {"client": 1}], "cut_off_day": 5}
    await world.use(counting_settings(*mapped, counts=alone))
    await world.ingest("2026-11")
    assert (await received(records, TENANT, "2026-11"))["USD"].lines == 1
    await world.use(counting_settings(*mapped, counts={"rule": []}))
    await world.ingest("2026-11")
    assert await received(records, TENANT, "2026-11") == {}


async def test_the_same_command_twice_publishes_each_batch_once(counted: World) -> None:
    await counted.ingest("2026-11")
    published = len(counted.bus.messages)
    await counted.resume()
    news = counted.bus.messages[published:]
    assert len(news) == 1, "only the answer is said again"


async def test_killed_at_any_step_a_month_ends_the_same(counted: World) -> None:
    await counted.ingest("2026-11")
    whole = {name: (head.content, lines) for name, (head, lines) in batches(counted).items()}
    step, killed = 0, True
    while killed:
        step += 1
        killed = await counted.killed_at(step, lambda: counted.ingest("2026-11"))
        found = {name: (head.content, lines) for name, (head, lines) in batches(counted).items()}
        assert found == whole, f"killed at {step}"
        assert read(counted).head.revision == counted.revision
    assert step > 10


async def test_a_held_count_holds_its_clients_batch_and_no_other(counted: World) -> None:
    await counted.use(billed(cut_off_day=7))
    await counted.control("counts", {"organization": FIRST, "edr": 80})
    await counted.sync()
    counted.next_day()
    await counted.ingest("2026-11")
    found = batches(counted)
    assert {name: head.hold for name, (head, _) in found.items()} == {
        "client:42": "count-jump",
        "client:43": None,
    }


async def test_what_nobody_decided_about_is_matched_first(counted: World) -> None:
    await counted.use(counting_settings({"company": str(FIRST), "halo": 42}, counts=CUT_OFF))
    await counted.ingest("2026-11", match_first=True)
    fact = read(counted)
    [company] = DocumentBatches.model_validate_json(fact.body).companies
    assert (fact.head.batches, fact.head.unmatched) == (0, 1)
    assert (company.company, company.name, company.price) == (
        str(SECOND),
        "Second",
        {"USD": Decimal("80.75")},
    )


@pytest.mark.parametrize(
    ("month", "counts", "problem"),
    [
        ("2026-11", {"cut_off_day": 31}, "count-month-open"),
        ("2026-11", {"cut_off_day": 4}, "count-snapshot-missing"),
        ("2026-11", {"count_rule": "maximum"}, "count-month-open"),
        ("2026-10", {}, "count-snapshot-missing"),
        ("2026-12", {}, "count-month-open"),
        ("november", {}, "document-unknown"),
        ("2026-11", {"rule": []}, "document-empty"),
    ],
)
async def test_a_month_that_can_not_be_billed_says_why(
    counted: World, month: str, counts: dict[str, Any], problem: str
) -> None:
    await counted.use(billed(**counts))
    await counted.ingest(month)
    fact = read(counted)
    assert (fact.head.problem, fact.head.batches) == (problem, 0)
    assert len(fact.head.text) > 20
    assert batches(counted) == {}


async def test_22_a_month_by_the_maximum_and_by_the_billing_day(
    make: Callable[[], World],
) -> None:
    world = make()
    await world.use(billed(count_rule="maximum"))
    world.next_day(-4)
    days = [
        {"organization": FIRST, "day": f"2026-11-{day:02}", "edr": 100 + min(day, 32 - day)}
        for day in range(1, 31)
    ]
    await world.load(organizations=[organization(FIRST, agents_count=0)], days=days)
    for _ in range(30):
        await world.sync()
        world.next_day()
    assert world.clock.day == date(2026, 12, 1)
    quantities = {}
    for rule in ("maximum", "billing day", "cut-off day"):
        await world.use(billed(count_rule=rule, billing_day=14, cut_off_day=31))
        await world.ingest("2026-11")
        _, [line] = batches(world)["client:42"]
        quantities[rule] = line.quantity
    assert quantities == {
        "maximum": Decimal(116),
        "billing day": Decimal(114),
        "cut-off day": Decimal(102),
    }


async def test_months_are_listed_once_their_day_is_there(counted: World) -> None:
    async def listed(settings: Settings) -> list[DocumentEntry]:
        await counted.use(settings)
        await counted.list_months()
        body = counted.facts(DocumentsListed)[-1].body
        return TypeAdapter(list[DocumentEntry]).validate_json(body)

    [entry] = await listed(billed())
    assert (entry.document, entry.date, entry.currency) == ("2026-11", "2026-11-06", "USD")
    assert await listed(billed(cut_off_day=31)) == []
    assert await listed(billed(rule=[])) == [], "nothing is billed as a charge"
