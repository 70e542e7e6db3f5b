"""Account codes to choose from, against the sandbox: each list says which source gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from vendors.halopsa.accounts import Code, account_codes

from .test_halopsa import System

LOOKUPS = [
    {"id": 1120, "lookupid": 11, "name": "Accounts  codes"},
    {"id": 30, "lookupid": 11, "name": "Account Managers"},
    {"id": 200, "lookupid": 1120, "name": "200", "value2": "Sales"},
    {"id": 310, "lookupid": 1120, "name": "310", "value2": "Bought"},
    {"id": 999, "lookupid": 1120, "name": "999", "value2": "Old", "inactive": True},
]
XERO: list[dict[str, Any]] = [
    {"Code": "400", "Name": "Cloud sales", "Class": "REVENUE"},
    {"Code": "500", "Name": "Cloud bought", "Class": "EXPENSE"},
    {"Code": "", "Name": "The bank", "Class": "ASSET"},
    {"Code": "090", "Name": "Stock", "Class": "ASSET"},
    {"Code": "600", "Name": "Who knows", "Class": None},
]
ITEMS = [
    {"id": 1, "name": "A", "nominalcode": "210", "purchasenominalcode": "320"},
    {"id": 2, "name": "B", "nominalcode": " 210", "purchasenominalcode": ""},
]
GROUPS = [{"id": 9, "name": "Cloud", "nominalcode": "211"}]


@pytest.fixture
async def system() -> AsyncIterator[System]:
    built = System()
    yield built
    await built.line.http.aclose()
    built.app.close()


def in_xero(accounts: list[Any]) -> list[dict[str, Any]]:
    return [{"id": 1, "name": "Summit", "tenant_id": "x", "accounts": accounts}]


async def test_codes_come_from_the_accounts_codes_list_by_its_name(system: System) -> None:
    await system.load(lookups=LOOKUPS, xero_details=in_xero(XERO), items=ITEMS)
    got = await account_codes(system.halo)
    assert got.income == got.expense
    assert (got.income.source, got.income.tried) == ("accounts codes", ())
    assert got.income.codes == (Code("200", "Sales"), Code("310", "Bought"))
    assert set(await system.calls()) == {"GET /Lookup", "POST /auth/token"}, "nobody else is asked"


async def test_without_that_list_xero_is_asked_through_halopsa(system: System) -> None:
    await system.load(xero_details=in_xero(XERO), items=ITEMS)
    got = await account_codes(system.halo)
    assert got.income.source == got.expense.source == "Xero through HaloPSA"
    unknown = Code("600", "Who knows")
    assert got.income.codes == (Code("400", "Cloud sales"), unknown)
    assert got.expense.codes == (Code("500", "Cloud bought"), unknown)
    assert got.income.tried == ("accounts codes: HaloPSA has no lists of that name",)


async def test_a_purpose_without_codes_goes_on_to_the_next_source_alone(system: System) -> None:
    await system.load(xero_details=in_xero(XERO[:1]), items=ITEMS)
    got = await account_codes(system.halo)
    assert got.income.source == "Xero through HaloPSA"
    assert (got.expense.source, got.expense.codes) == ("items", (Code("320"),))
    assert got.expense.tried[1] == "Xero through HaloPSA: no codes in the answer"
    assert got.expense.tried[2] == "item groups: none has a code"


async def test_what_items_and_groups_use_is_shown_together(system: System) -> None:
    await system.load(items=ITEMS, asset_groups=GROUPS)
    got = await account_codes(system.halo)
    assert got.income.source == "items and item groups"
    assert got.income.codes == (Code("210"), Code("211"))
    assert got.income.tried[1].startswith("Xero through HaloPSA: reading HaloPSA Integr")


@pytest.mark.parametrize("path", ["/Lookup", "/IntegrationData/Get/Xero", "/AssetGroup"])
@pytest.mark.parametrize("fault", ["forbidden", "error_500", "html"])
async def test_a_source_that_may_not_be_read_is_named_with_its_reason(
    system: System, path: str, fault: str
) -> None:
    await system.load(items=ITEMS)
    await system.spoil(kind=fault, path=path, times=-1, status=200)
    got = await account_codes(system.halo)
    assert got.income.codes == (Code("210"),), "the others are shown all the same"
    (why,) = (why for why in got.income.tried if path.split("/")[1] in why)
    reasons = {"forbidden": "missing right", "error_500": "has a fault", "html": "web page"}
    assert reasons[fault] in why


async def test_an_answer_of_another_shape_holds_no_codes(system: System) -> None:
    odd: list[Any] = ["200", {"AccountNumber": "200"}]
    await system.load(xero_details=in_xero(odd))
    got = await account_codes(system.halo)
    assert (got.income.source, got.income.codes) == ("", ()), "type it in"
    assert len(got.income.tried) == 4
