"""Batches: who is billed, in what currency, under which policy, and what is not billed at all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from schemas.charges import ChargeLines
from schemas.ids import line_id
from schemas.messages import DocumentEntry
from schemas.settings import ClientMapping, Exclusions, Policy, Settings, TenantInfo

from .rows import COMPANY, DOCUMENT, OTHER, document, item
from .world import TENANT, World


def mapped(*rows: dict[str, Any], **changes: Any) -> Settings:
    return Settings(client=tuple(ClientMapping(**row) for row in rows), **changes)


async def test_two_companies_of_one_client_are_one_batch_and_keep_their_names(
    world: World,
) -> None:
    await world.load(invoices=[document([item(1), item(2, companyId=OTHER, companyName="Two")])])
    settings = mapped({"company": COMPANY, "halo": 7}, {"company": OTHER, "halo": 7})
    await world.ingest(DOCUMENT, settings)
    [batch] = world.batches()
    assert (batch.head.bill_to, batch.head.client, batch.head.lines) == ("client:7", 7, 2)
    assert {line.company for line in ChargeLines.validate_json(batch.body)} == {COMPANY, OTHER}
    assert (batch.head.price, batch.head.cost) == (Decimal("5.0"), Decimal(4))


async def test_r3_a_subscription_row_beats_the_companys(world: World) -> None:
    await world.load(invoices=[document([item(1), item(2)])])
    subscription = item(2)["subscriptionId"]
    settings = mapped(
        {"company": COMPANY, "halo": 7},
        {"company": COMPANY, "subscription": subscription, "halo": 8},
    )
    await world.ingest(DOCUMENT, settings)
    assert sorted(b.head.bill_to for b in world.batches()) == ["client:7", "client:8"]


async def test_r3_a_line_keeps_its_id_whoever_is_billed(world: World) -> None:
    await world.load(invoices=[document([item(1)])])
    await world.ingest(DOCUMENT)
    [before] = world.batches()
    await world.ingest(DOCUMENT, mapped({"company": COMPANY, "halo": 7}), stored=True)
    [after] = world.batches()
    assert before.head.batch != after.head.batch
    assert before.body == after.body
    [line] = ChargeLines.validate_json(after.body)
    assert line.id == line_id(TENANT, "pax8", DOCUMENT, item(1)["id"])


async def test_two_currencies_are_two_batches(world: World) -> None:
    await world.load(invoices=[document([item(1), item(2, currencyCode="GBP")])])
    await world.ingest(DOCUMENT)
    assert sorted(b.head.currency for b in world.batches()) == ["GBP", "USD"]


async def test_unknown_companies_are_named_with_their_money_before_anything_is_formed(
    world: World,
) -> None:
    rows = [item(1, externalId="HALO-1"), item(2), item(3, companyId=OTHER, companyName="Two")]
    await world.load(invoices=[document(rows)])
    settings = mapped({"company": OTHER, "exclude": True})
    read = await world.ingest(DOCUMENT, settings, match_first=True)
    assert (read.head.unmatched, read.head.batches) == (1, 0)
    assert world.batches() == []
    [company] = json.loads(read.body)["companies"]
    assert (company["company"], company["external"]) == (COMPANY, "HALO-1")
    assert (company["lines"], company["price"]) == (2, {"USD": "5.0"})


async def test_unmapped_excluded_and_missing_companies_have_batches_of_their_own(
    world: World,
) -> None:
    rows = [item(1), item(2, companyId=OTHER), item(3, companyId=None)]
    await world.load(invoices=[document(rows)])
    await world.ingest(DOCUMENT, mapped({"company": OTHER, "exclude": True}))
    found = {b.head.bill_to: (b.head.exclude, b.head.hold) for b in world.batches()}
    assert found == {
        f"company:{COMPANY}": (None, None),
        f"company:{OTHER}": ("excluded-client", None),
        "company:none": (None, "company-missing"),
    }


@pytest.mark.parametrize(
    ("row", "bill_to"),
    [
        ({"halo": 7}, "client:7"),
        ({"exclude": True}, f"subscription:{item(1)['subscriptionId']}"),
    ],
)
async def test_r3_a_subscription_row_answers_for_a_line_without_company(
    world: World, row: dict[str, Any], bill_to: str
) -> None:
    await world.load(invoices=[document([item(1, companyId=None)])])
    settings = mapped({"company": "", "subscription": item(1)["subscriptionId"], **row})
    read = await world.ingest(DOCUMENT, settings)
    [batch] = world.batches()
    assert (batch.head.bill_to, batch.head.hold, read.head.unmatched) == (bill_to, None, 0)


async def test_a_line_without_currency_is_held_and_not_guessed(world: World) -> None:
    await world.load(invoices=[document([item(1, currencyCode=None)])])
    await world.ingest(DOCUMENT)
    [batch] = world.batches()
    assert (batch.head.currency, batch.head.hold) == ("", "currency-missing")


@pytest.mark.parametrize("on", [True, False])
async def test_r5_the_msps_own_company_is_excluded_unless_switched_off(
    world: World, on: bool
) -> None:
    await world.load(invoices=[document([item(1)])])
    settings = Settings(
        tenant=TenantInfo(own_company=COMPANY), exclusions=Exclusions(own_company=on)
    )
    await world.ingest(DOCUMENT, settings)
    [batch] = world.batches()
    assert batch.head.exclude == ("own-company" if on else None)


@pytest.mark.parametrize(
    ("header", "reason"),
    [({"status": "Void"}, "void-document"), ({"partnerName": "Child"}, "other-partner")],
)
async def test_r5_documents_that_are_not_ours_are_excluded_whole(
    world: World, header: dict[str, Any], reason: str
) -> None:
    await world.load(invoices=[document([item(1)], **header)])
    settings = Settings(tenant=TenantInfo(partner="Partner"))
    read = await world.ingest(DOCUMENT, settings, match_first=True)
    assert (read.head.unmatched, read.head.batches) == (0, 1), "nobody is asked who it is"
    [batch] = world.batches()
    assert batch.head.exclude == reason


async def test_r6_the_policy_of_the_bill_to_travels_with_its_level(world: World) -> None:
    await world.load(invoices=[document([item(1)])])
    settings = mapped(
        {"company": COMPANY, "halo": 7, "policy": Policy(drop_zero=False)},
        policy=Policy(drop_zero=True, drop_azure=True),
    )
    await world.ingest(DOCUMENT, settings)
    [batch] = world.batches()
    assert (batch.head.policy.drop_zero, batch.head.policy.drop_azure) == (False, True)
    assert batch.head.policy.level_of("drop_zero") == "client"
    assert batch.head.policy.level_of("drop_azure") == "global"


async def test_r11_a_client_on_a_recurring_invoice_without_a_line_has_an_empty_batch(
    world: World,
) -> None:
    await world.load(invoices=[document([item(1)])])
    settings = mapped(
        {"company": COMPANY, "halo": 7, "recurring": -7},
        {"company": OTHER, "halo": 8, "recurring": -8},
        {"company": "gone", "recurring": -9, "exclude": True},
        {"company": "invoiced", "halo": 10, "recurring": -10, "policy": Policy(behaviour="new")},
        policy=Policy(behaviour="recurring"),
    )
    await world.ingest(DOCUMENT, settings)
    lines = {b.head.bill_to: (b.head.lines, b.head.recurring) for b in world.batches()}
    assert lines == {"client:7": (1, -7), "client:8": (0, -8)}
    [empty] = [b for b in world.batches() if not b.head.lines]
    assert (empty.body, empty.head.currency) == (b"[]", "USD")


async def test_a_batch_that_is_too_large_is_held_with_its_sums(world: World) -> None:
    world.batch_lines_max = 2
    await world.load(invoices=[document(3)])
    await world.ingest(DOCUMENT)
    [batch] = world.batches()
    assert (batch.head.hold, batch.head.lines) == ("batch-too-large", 3)
    assert (batch.head.price, batch.head.cost) == (Decimal("7.5"), Decimal(6))
    assert batch.body == b"[]"


async def test_documents_are_listed_oldest_first(world: World) -> None:
    late, early = document(1, 1, invoiceDate="2026-11-01"), document(1, 2, invoiceDate="2026-10-01")
    await world.load(invoices=[late, early])
    listed = await world.list_documents()
    entries = [DocumentEntry.model_validate(row) for row in json.loads(listed.body)]
    assert [entry.date for entry in entries] == ["2026-10-01", "2026-11-01"]


SECOND = "10000000-0000-4000-8000-000000000002"


async def chained(world: World, **settings: Any) -> dict[str, tuple[Any, ...]]:
    """Ingests both documents of a chain; hold, exclusion and what it replaces, by document."""
    found = {}
    for name in (DOCUMENT, SECOND):
        await world.ingest(name, Settings(**settings))
        [batch] = world.batches()
        found[name] = (batch.head.hold, batch.head.exclude, batch.head.replaces)
    return found


@pytest.fixture
async def credited(world: World) -> World:
    """The first document was credited and a second one came in its place."""
    await world.load(invoices=[document([item(1)], 1, status="Unpaid")])
    await world.list_documents()
    second = document([item(2)], 2)
    await world.load(invoices=[document([item(1)], 1, status="Credited"), second])
    await world.list_documents()
    return world


async def test_r14_a_second_document_holds_the_whole_chain(credited: World) -> None:
    held = ("replacement", None, ())
    assert await chained(credited) == {DOCUMENT: held, SECOND: held}


async def test_r14_separate_documents_are_billed_both(credited: World) -> None:
    free = (None, None, ())
    found = await chained(credited, chains={SECOND: "separate"})
    assert found == {DOCUMENT: free, SECOND: free}


async def test_r14_a_replacement_supersedes_the_old_document(credited: World) -> None:
    found = await chained(credited, chains={SECOND: "replacement"})
    assert found == {DOCUMENT: (None, "superseded", ()), SECOND: (None, None, (DOCUMENT,))}


async def test_r14_a_document_that_turned_credited_waits_for_its_replacement(world: World) -> None:
    await world.load(invoices=[document([item(1)], status="Credited")])
    await world.ingest(DOCUMENT)
    [batch] = world.batches()
    assert batch.head.hold == "replacement"


async def test_r14_another_currency_is_another_chain(world: World) -> None:
    other = document([item(2)], 2, currencyCode="GBP")
    await world.load(invoices=[document([item(1)]), other])
    await world.ingest(DOCUMENT)
    [batch] = world.batches()
    assert batch.head.hold is None


async def test_the_same_revision_again_publishes_nothing_new(world: World) -> None:
    await world.load(invoices=[document(3)])
    await world.ingest(DOCUMENT)
    published = len(world.bus.messages)
    await world.resume()
    again = world.bus.messages[published:]
    assert [m.topic for m in again] == ["documents.read.v1"]
