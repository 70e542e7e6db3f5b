"""Automatic runs (R17): the canary first, the limits, and what waits for a person."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import PermanentError
from gateway.domain.run import Stage
from schemas.settings import Automation, Policy
from support import small
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import TENANT
from support.world import World

AUTOMATION = Automation(automatic=True)
AUTOMATIC: dict[str, Any] = {"automatic": True}


def three(*quantities: int) -> dict[str, Any]:
    """A client a quantity, at 10.00 each."""
    items = []
    for number, quantity in enumerate(quantities, 1):
        money = {"quantity": quantity, "total": quantity * 10, "costTotal": quantity * 8}
        who = {"companyId": company(number), "companyName": f"Client {number}"}
        items.append(small.item(number, **who, **money, productId=small.product(1), sku="SKU-1"))
    return small.pax8(items) | {
        "companies": [
            {"id": company(n), "name": f"Client {n}"} for n, _ in enumerate(quantities, 1)
        ]
    }


def company(number: int) -> str:
    return f"c0000000-0000-4000-8000-{number + 100:012}"


def world(folder: Path, *quantities: int, **automation: Any) -> World:
    clients = [small.client(40 + n, f"Client {n}") for n, _ in enumerate(quantities, 1)]
    halopsa = small.halopsa(clients=clients, sites=[])
    rows = [
        {"source": "pax8", "company": company(n), "halo": 40 + n}
        for n, _ in enumerate(quantities, 1)
    ]
    settings = small.settings(client=rows, automation={"automatic": True} | automation)
    settings["halopsa"] = settings["halopsa"] | {"sends_email": False}
    return World(folder, three(*quantities), halopsa, settings)


def test_r17_an_automatic_run_posts_what_nothing_speaks_against(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, 1, 3, 2) as w:
            ran = await w.bill(**AUTOMATIC)
            assert ran.statement.currencies["USD"].price.posted == 60
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r17_the_canary_is_the_median_batch_and_a_difference_stops_the_rest(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with world(tmp_path, 1, 3, 2) as w:
            await w.vendors.fault("halopsa", kind="alter_line", amount=1)
            ran = await w.bill(**AUTOMATIC)
            posted = await w.invoices()
            assert [invoice["client_id"] for invoice in posted] == [43]
            sides = ran.statement.currencies["USD"]
            assert sides.held_by == {"run-stopped": 40}
            assert ran.differences[0].problem == "altered"
            assert sides.price.unexplained == -2  # two seats at 1.00 too much
            w.expect_unexplained = True

    in_virtual_time(story())


def test_r17_what_is_over_the_limit_waits_for_a_person_and_stops_nobody_else(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with world(tmp_path, 1, 30, 2, approval_limit="100") as w:
            ran = await w.bill(**AUTOMATIC)
            assert ran.run.stage.value == "planned"
            assert {i["client_id"] for i in await w.invoices()} == {41, 43}
            ran = await w.approve(ran)
            assert ran.statement.currencies["USD"].price.posted == 330
            assert ran.unexplained() == 0
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r17_a_total_far_from_the_usual_waits_for_a_person(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, 2, 2) as w:
            await w.bill(**AUTOMATIC)
            document = "10000000-0000-4000-8000-000000000002"
            second = three(9, 2)["invoices"][0]
            second["invoice"] |= {"id": document, "invoiceDate": "2026-12-01"}
            for row in second["items"]:
                row["id"] = row["id"].replace("20000000", "20000001")
            await w.restart(w.app.clock.today.replace(month=12))
            await w.vendors.load("pax8", {"invoices": [second]})
            ran = await w.bill(document, **AUTOMATIC)
            assert ran.run.stage.value == "planned"
            newest = [i for i in await w.invoices() if i["invoice_date"] >= "2026-12-01"]
            assert [(i["client_id"], money_on(ours_on(i))) for i in newest] == [(42, Decimal(20))]
            await w.approve(ran)
            assert len(await w.invoices(41)) == 2

    in_virtual_time(story())


def test_r7_manual_and_automatic_are_refused_whichever_is_set_second(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, 1) as w:
            change = w.system.gateway.runs.change_settings
            by_hand = Policy(lifecycle="manual")
            manual = {"policy": by_hand, "automation": Automation()}
            both = "refused together with automatic runs"
            with pytest.raises(PermanentError, match=both):
                await change(TENANT, lambda s: s.model_copy(update={"policy": by_hand}))
            await change(TENANT, lambda s: s.model_copy(update=manual))
            with pytest.raises(PermanentError, match=both):
                await change(TENANT, lambda s: s.model_copy(update={"automation": AUTOMATION}))
            with pytest.raises(PermanentError, match=both):
                await w.bill(**AUTOMATIC)
            assert not await w.invoices()
            waits = await w.bill(approve_items=False, approve_plans=False)
            assert waits.run.stage is Stage.PLANNED

    in_virtual_time(story())


def test_r7_an_automatic_run_is_not_planned_again_under_manual(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, 1) as w:
            ran = await w.bill(**AUTOMATIC)
            manual = {"policy": Policy(lifecycle="manual"), "automation": Automation()}
            change = w.system.gateway.runs.change_settings
            await change(TENANT, lambda s: s.model_copy(update=manual))
            with pytest.raises(PermanentError, match="refused together with automatic runs"):
                await w.again(ran)

    in_virtual_time(story())
