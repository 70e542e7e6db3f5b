"""Whatever decides, explain comes to the same end as the services did, without asking them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chargeline.audit import line_audit
from chargeline.explain import DocumentExplained, Explain
from sandbox.generate import Shape, generate_month
from support import small
from support.agreement import explained_sums, told_sums
from support.small import ACME, BOLT, DOCUMENT, item, of_bolt
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Whole

CREDIT = item(1, price=-10, total=-20, cost=-8, costTotal=-16)
PRORATE = {"type": "prorate", "subscriptionId": "s"}


async def billed(whole: Whole, *loads: Mapping[str, Any]) -> tuple[Ran, DocumentExplained]:
    pax8, halopsa, settings = loads
    await whole.vendors.load("pax8", dict(pax8))
    await whole.vendors.load("halopsa", dict(halopsa))
    async with whole.running() as system:
        await whole.set_up(system, dict(settings))
        document = (await whole.documents(system))[-1]
        ran = await whole.bill(system, document)
        records = system.store.records
        found = await Explain(records).document(TENANT, document, ran.run.settings)
        assert await line_audit(records, TENANT, ran.run.run) == []
    return ran, found


def agree(ran: Ran, found: DocumentExplained) -> None:
    assert found.sound
    assert ran.statement.complete
    assert explained_sums(found) == told_sums(ran.statement)
    for line in found.lines:
        fired = [rule.rule for rule in line.rules if rule.fired]
        if line.outcome == "posted":
            assert fired == []
        elif line.outcome == "held":  # by what the line is, or with its whole invoice
            assert fired in ([], [line.rule])
        else:
            assert fired == [line.rule]


def mapped(**acme: Any) -> list[dict[str, Any]]:
    return [
        {"source": "pax8", "company": ACME, "halo": 41} | acme,
        {"source": "pax8", "company": BOLT, "halo": 42},
    ]


WORLDS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], str]] = {
    "net-credit": (small.pax8([CREDIT, of_bolt()]), small.halopsa(), small.settings(), "held"),
    "carried": (
        small.pax8([CREDIT, of_bolt()]),
        small.halopsa(),
        small.settings(policy={"net_credit": "carry"}),
        "held",
    ),
    "net-credit latest": (
        small.pax8([CREDIT, of_bolt()]),
        small.halopsa(),
        small.settings(
            policy={"behaviour": "latest", "when_not_open": "new", "net_credit": "credit_note"}
        ),
        "held",
    ),
    "net-credit recurring": (
        small.pax8([CREDIT, of_bolt()]),
        small.halopsa(recurring_invoices=[small.recurring(-n, n) for n in (41, 42)]),
        small.settings(
            policy={"behaviour": "recurring", "net_credit": "carry"},
            client=[
                {"source": "pax8", "company": company, "halo": n, "recurring": -n}
                for company, n in ((ACME, 41), (BOLT, 42))
            ],
        ),
        "held",
    ),
    "drop-prorata": (
        small.pax8([CREDIT | PRORATE, of_bolt()]),
        small.halopsa(),
        small.settings(policy={"drop_prorata": True}),
        "dropped",
    ),
    "excluded-client": (
        small.pax8(),
        small.halopsa(),
        small.settings(client=mapped(halo=None, exclude=True)),
        "excluded",
    ),
    "own-company": (
        small.pax8(),
        small.halopsa(),
        small.settings(tenant={"own_company": ACME}),
        "excluded",
    ),
    "other-partner": (
        small.pax8(),
        small.halopsa(),
        small.settings(tenant={"partner": "Somebody else"}),
        "excluded",
    ),
    "void-document": (small.pax8(status="Void"), small.halopsa(), small.settings(), "excluded"),
    "default-code-missing": (
        small.pax8([item(7), of_bolt()]),
        small.halopsa(xero_details=[{"id": 1, "name": "Books", "tenant_id": "x"}]),
        small.settings(defaults={}),
        "held",
    ),
    "default-item-missing": (
        small.pax8(),
        small.halopsa(),
        small.settings(policy={"lifecycle": "default"}),
        "held",
    ),
    "manual-incomplete": (
        small.pax8([item(1), of_bolt(7)]),
        small.halopsa(),
        small.settings(policy={"lifecycle": "manual"}),
        "held",
    ),
    "product-unmatched": (
        small.pax8([item(7), of_bolt()]),
        small.halopsa(),
        small.settings(policy={"lifecycle": "manual"}),
        "held",
    ),
    "client-not-invoiced": (
        small.pax8(),
        small.halopsa(
            clients=[small.client(41, "Acme", dontinvoice=True), small.client(42, "Bolt")]
        ),
        small.settings(),
        "held",
    ),
}


@pytest.mark.parametrize("rule", sorted(WORLDS))
def test_explain_names_the_same_rule(tmp_path: Path, rule: str) -> None:
    pax8, halopsa, settings, outcome = WORLDS[rule]

    async def story() -> None:
        ran, found = await billed(Whole(tmp_path), pax8, halopsa, settings)
        agree(ran, found)
        ends = {(line.outcome, line.rule) for line in found.lines}
        assert (outcome, rule.partition(" ")[0]) in ends

    in_virtual_time(story())


def test_a_subscription_goes_to_another_client(tmp_path: Path) -> None:
    row = {"source": "pax8", "company": ACME, "subscription": item(3)["subscriptionId"], "halo": 42}

    async def story() -> None:
        settings = small.settings(client=[*mapped(), row])
        pax8 = small.pax8([item(1), of_bolt(2), item(3)])
        ran, found = await billed(Whole(tmp_path), pax8, small.halopsa(), settings)
        agree(ran, found)
        told = [(one.mapping.client, one.mapping.by) for one in found.lines if one.mapping]
        assert told == [(41, "company"), (42, "company"), (42, "subscription")]

    in_virtual_time(story())


def test_a_batch_that_is_too_large_is_held_whole(tmp_path: Path) -> None:
    async def story() -> None:
        rows = [item(n, total=1, price=0.5) for n in range(1, 10_002)]
        ran, found = await billed(
            Whole(tmp_path), small.pax8([*rows, of_bolt(99_999)]), small.halopsa(), small.settings()
        )
        agree(ran, found)
        assert found.outcomes == {"held": 10_001, "posted": 1}
        assert {line.rule for line in found.lines if line.outcome == "held"} == {"batch-too-large"}

    in_virtual_time(story())


def test_a_document_and_its_replacement_wait_for_a_person(tmp_path: Path) -> None:
    async def story() -> None:
        both = small.pax8()
        both["invoices"][0]["invoice"]["status"] = "Credited"
        second = "10000000-0000-4000-8000-000000000002"
        both["invoices"] += small.pax8([item(5), of_bolt(6)], id=second)["invoices"]
        whole = Whole(tmp_path)
        ran, found = await billed(whole, both, small.halopsa(), small.settings())
        assert ran.run.document in (DOCUMENT, second)
        agree(ran, found)
        assert {(line.outcome, line.rule) for line in found.lines} == {("held", "replacement")}
        command = f"`chargeline mappings chain {ran.run.document} --replacement`"
        async with whole.running() as system:
            said = await whole.holds(system, ran)
        assert all(command in text for text in said)

    in_virtual_time(story())


POLICIES: list[dict[str, Any]] = [
    {"drop_azure": True, "drop_prorata": True},
    {"collapse_azure": False, "drop_zero": False},
    {"zero_test": "charge", "azure_scope": "all_arrears"},
    {"lifecycle": "off"},
    {"lifecycle": "manual"},
    {"lifecycle": "default"},
    {"one_invoice_per": "order"},
    {"post_partial": True},
    {"behaviour": "latest", "when_not_open": "new"},
]


@pytest.mark.parametrize("resolved", [True, False])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_generated_month_is_explained_under_every_policy(
    tmp_path: Path, policy: dict[str, Any], resolved: bool
) -> None:
    month = generate_month(6, clients=10, lines=60)

    async def story() -> None:
        settings = month.resolved_settings() if resolved else month.settings
        settings = settings | {"policy": settings["policy"] | policy}
        agree(*await billed(Whole(tmp_path), month.pax8, month.halopsa, settings))

    in_virtual_time(story())


def test_a_month_on_recurring_invoices_is_explained(tmp_path: Path) -> None:
    month = generate_month(7, clients=10, lines=60, shape=Shape(recurring=True))

    async def story() -> None:
        agree(*await billed(Whole(tmp_path), month.pax8, month.halopsa, month.resolved_settings()))

    in_virtual_time(story())
