"""Connections: sealed credentials, rights by name, pick lists, addresses as people type them."""

from __future__ import annotations

import pytest

from sandbox.generate import generate_month
from support.rest import Asking, Door

SECRET = "s3cr3t-of-the-account"
PAIR = {"client_id": "an-id", "client_secret": SECRET}


async def connected(door: Door) -> Asking:
    """A tenant with both accounts, over a generated month."""
    month = generate_month(7, clients=12, lines=120)
    await door.vendors.load("pax8", month.pax8)
    await door.vendors.load("halopsa", month.halopsa)
    owner = await door.tenant("first")
    for vendor in ("pax8", "halopsa"):
        sealed = await owner("PUT", f"/connections/{vendor}/credentials", json=PAIR)
        assert sealed.json()["sealed"] is True
    return owner


async def test_credentials_go_in_and_never_come_out(door: Door) -> None:
    owner = await connected(door)
    shown = [
        await owner("GET", "/connections"),
        await owner("GET", "/connections/pax8"),
        await owner("GET", "/audit"),
        await owner("GET", "/settings"),
    ]
    assert [one.status_code for one in shown] == [200] * 4
    assert not any(SECRET in one.text for one in shown)
    assert "credentials-sealed" in shown[2].text


async def test_the_rights_are_told_by_name(door: Door) -> None:
    owner = await connected(door)
    halo = (await owner("POST", "/connections/halopsa/test")).json()["items"]
    found = {row["right"]: row["ok"] for row in halo}
    assert found["sign-in"] is found["read:invoices"] is True
    assert found["edit:invoices"] is None, "not proved until the first write"
    pax8 = (await owner("POST", "/connections/pax8/test")).json()["items"]
    assert all(row["ok"] is not False for row in pax8), pax8


async def test_without_credentials_the_test_says_what_is_missing(door: Door) -> None:
    owner = await door.tenant("first")
    answer = await owner("POST", "/connections/halopsa/test")
    assert answer.json()["code"] == "halopsa-credentials-missing"


async def test_the_lists_to_pick_from(door: Door) -> None:
    owner = await connected(door)
    lists = (await owner("GET", "/connections/halopsa/lists")).json()["items"]
    found = {one["kind"]: one for one in lists}
    assert set(found) == {"items", "taxes", "item-groups", "income", "expense"}
    for one in found.values():
        assert one["choices"] or one["missing"], one
    assert found["items"]["choices"]
    assert found["taxes"]["choices"]


async def test_account_codes_are_the_codes_and_say_where_they_were_found(door: Door) -> None:
    owner = await connected(door)
    lists = (await owner("GET", "/connections/halopsa/lists")).json()["items"]
    income = next(one for one in lists if one["kind"] == "income")
    assert (income["source"], income["tried"]) == ("accounts codes", [])
    named = {choice["value"]: choice["name"] for choice in income["choices"]}
    assert named["310"] == "310 Cost of Goods Sold", "the code is what settings take"
    assert [one["kind"] for one in lists if one["typed"]] == ["income", "expense"]


async def test_a_source_of_codes_that_does_not_answer_is_named_with_its_reason(door: Door) -> None:
    owner = await connected(door)
    await door.vendors.fault("halopsa", kind="forbidden", path="/Lookup", times=-1)
    lists = (await owner("GET", "/connections/halopsa/lists")).json()["items"]
    for one in (one for one in lists if one["typed"]):
        assert one["source"] in ("items", "item groups", "items and item groups", "")
        assert "missing right" in one["tried"][0]
        assert one["tried"][1].startswith("Xero through HaloPSA: ")
        assert bool(one["choices"]) != bool(one["missing"])


async def test_an_account_that_was_forgotten_is_not_sealed(door: Door) -> None:
    owner = await connected(door)
    gone = await owner("DELETE", "/connections/pax8/credentials")
    assert gone.json()["sealed"] is False
    assert (await owner("POST", "/connections/pax8/test")).status_code == 409


async def test_credentials_of_one_tenant_open_nothing_for_another(door: Door) -> None:
    await connected(door)
    second = await door.tenant("second")
    assert (await second("GET", "/connections/halopsa")).json()["sealed"] is False


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("acme", "https://acme.halopsa.com"),
        ("acme.halopsa.com/portal", "https://acme.halopsa.com"),
        ("https://help.acme.example/", "https://help.acme.example"),
    ],
)
async def test_an_address_as_people_type_it(door: Door, typed: str, url: str) -> None:
    owner = await connected(door)
    told = (await owner("POST", "/connections/halopsa/resolve", json={"address": typed})).json()
    assert told["url"] == url
    assert told["sign_in"].endswith("/auth")


@pytest.mark.parametrize("typed", ["ftp://acme.halopsa.com", "user:pw@acme.halopsa.com", "a b"])
async def test_an_address_that_is_none_is_refused(door: Door, typed: str) -> None:
    owner = await door.tenant("first")
    answer = await owner("POST", "/connections/halopsa/resolve", json={"address": typed})
    assert answer.json()["code"] == "vendor-address"


async def test_a_vendor_that_there_is_not(door: Door) -> None:
    owner = await door.tenant("first")
    answer = await owner("GET", "/connections/acme")
    assert (answer.status_code, answer.json()["code"]) == (404, "vendor-unknown")
