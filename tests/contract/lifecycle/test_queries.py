"""Account codes to choose from, against the sandbox: each list says which source gave it."""

from __future__ import annotations

from typing import Any

import pytest

from lifecycle.domain.codes import AccountCodes
from lifecycle.queries import account_codes
from support.lifecycle import settings

from .conftest import Make
from .world import HandRun, World

LOOKUPS = [
    {"id": 1120, "lookupid": 11, "name": "Accounts Codes"},
    {"id": 200, "lookupid": 1120, "name": "200", "value2": "Sales"},
    {"id": 310, "lookupid": 1120, "name": "310", "value2": "Bought"},
    {"id": 999, "lookupid": 1120, "name": "999", "value2": "Old", "inactive": True},
]
CODED = [{"id": 1, "name": "A", "nominalcode": "210", "purchasenominalcode": "320"}]


async def asked(world: World) -> AccountCodes:
    job = HandRun("doctor", "doctor", b"", lambda: None)
    return await account_codes(await world.open_halo(job, settings()))


async def test_codes_come_from_the_accounts_codes_list_by_its_name(make: Make) -> None:
    got = await asked(await make({"lookups": LOOKUPS}))
    assert got.income.source == "accounts codes"
    assert [(c.code, c.name) for c in got.expense.codes] == [("200", "Sales"), ("310", "Bought")]


async def test_some_tenants_write_the_lists_number_into_a_value(make: Make) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "lookupid": 11, "name": "accounts codes", "value2": "77"},
        {"id": 5, "lookupid": 77, "name": "200"},
    ]
    got = await asked(await make({"lookups": rows}))
    assert [c.code for c in got.income.codes] == ["200"]


@pytest.mark.parametrize("fault", [None, "forbidden"])
async def test_without_that_list_codes_in_use_are_shown(make: Make, fault: str | None) -> None:
    world = await make({"items": CODED})
    if fault:
        await world.spoil({"kind": fault, "path": "/Lookup", "times": 1})
    got = await asked(world)
    assert got.income.source == got.expense.source == "in use"
    assert [c.code for c in got.income.codes] == ["210"]
    assert [c.code for c in got.expense.codes] == ["320"]
    assert got.income.tried[0].startswith("accounts codes: ")
    assert any("not documented" in why for why in got.income.tried)


async def test_with_nothing_to_list_codes_are_typed(world: World) -> None:
    got = await asked(world)
    assert got.income.source == "typed"
    assert got.income.takes("200")
