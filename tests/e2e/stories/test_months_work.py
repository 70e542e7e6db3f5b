"""A whole month, from its first holds to a statement without an open end."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.generate import Month, Shape, generate_month
from support.virtual_loop import in_virtual_time
from support.world import World

WRITES = ("POST", "PUT", "DELETE")
QUANTITY = Decimal("1.25")
BEHAVIOURS = ("new", "latest", "recurring")


def month(behaviour: str = "new") -> Month:
    made = generate_month(11, clients=10, lines=76, shape=Shape(recurring=behaviour == "recurring"))
    if behaviour == "latest":
        made.halopsa["invoices"] = [
            open_invoice(7000 + place, client)
            for place, client in enumerate(made.halopsa["clients"])
        ]
    return made


def open_invoice(number: int, client: dict[str, Any]) -> dict[str, Any]:
    line = {
        "item_shortdescription": "Callout",
        "qty_order": QUANTITY,
        "unit_price": 80,
        "unit_cost": 1,
    }
    return {
        "id": number,
        "client_id": client["id"],
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": client["default_currency_code"],
        "lines": [{"id": number * 10, "ihid": number, **line}],
    }


async def written(w: World) -> dict[str, int]:
    """Calls at HaloPSA that change something, tokens apart."""
    calls = await w.calls()
    return {
        name: n for name, n in calls.items() if name.split()[0] in WRITES and "token" not in name
    }


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_r2_a_month_is_billed_to_the_cent_and_again_writes_nothing(
    tmp_path: Path, behaviour: str
) -> None:
    async def story() -> None:
        async with World.of(tmp_path, month(behaviour), behaviour=behaviour) as w:
            ran = await w.bill()
            assert ran.statement.complete
            assert ran.unexplained() == 0
            assert ran.unexplained("GBP") == 0
            await w.assert_charged_is_posted()
            before = await w.halo_state()
            await w.reset_calls()
            again = await w.again(ran)
            anew = await w.bill()
            assert await written(w) == {}
            assert await w.halo_state() == before
            for one in (again, anew):
                assert one.statement.currencies == ran.statement.currencies
                assert sum(v.created + v.updated for v in await w.batches(one)) == 0

    in_virtual_time(story())


def test_r12_the_holds_of_a_month_are_released_by_their_answers(tmp_path: Path) -> None:
    async def story() -> None:
        made = month()
        async with World.of(tmp_path, made, resolved=False) as w:
            ran = await w.bill()
            held = {v.code for v in await w.batches(ran) if v.code}
            assert held >= {"company-unmapped", "product-ambiguous", "company-missing"}
            assert ran.unexplained() == 0
            assert ran.statement.currencies["USD"].price.held > 0
            await w.change(made.resolved_settings())
            ran = await w.again(ran)
            left = {v.code for v in await w.batches(ran) if v.code}
            assert left <= {"currency-mismatch"}
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_a_lost_data_folder_adopts_what_stands_by_its_references(tmp_path: Path) -> None:
    async def story() -> None:
        made = month()
        async with World.of(tmp_path / "first", made) as w:
            ran = await w.bill()
            posted = ran.statement.currencies["USD"].price.posted
            await w.reset_calls()
            await w.lose_the_folder(tmp_path / "second")
            adopted = await w.bill()
            assert await written(w) == {}
            assert adopted.statement.currencies["USD"].price.posted == posted
            await w.assert_charged_is_posted()

    in_virtual_time(story())


@pytest.mark.folder  # it copies the folder back; servers' copies are made by their own tools
def test_a_restored_older_folder_posts_nothing_twice(tmp_path: Path) -> None:
    async def story() -> None:
        folder, older = tmp_path / "folder", tmp_path / "older"
        async with World.of(folder, month()) as w:
            ran = await w.bill(approve_items=True)
            assert ran.run.stage.value == "planned"
            await w.close()
            shutil.copytree(folder, older)
            await w.restart()
            await w.approve(ran)
            await w.close()
            shutil.rmtree(folder)
            shutil.copytree(older, folder)
            await w.restart()
            await w.reset_calls()
            await w.approve(ran)
            assert "POST /Invoice" not in await written(w)
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_drafts_are_stored_and_never_billed(tmp_path: Path) -> None:
    async def story() -> None:
        async with World.of(tmp_path, month()) as w:
            await w.read_drafts()
            assert "GET /invoices/draftItems" in await w.calls("pax8")
            assert await w.invoices() == []
            await w.bill()
            await w.assert_charged_is_posted()

    in_virtual_time(story())
