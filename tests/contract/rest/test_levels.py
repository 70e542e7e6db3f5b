"""Which level decides: told for one company, level by level."""

from __future__ import annotations

from support.rest import Door


async def test_every_level_is_shown_and_the_one_that_decided(door: Door) -> None:
    owner = await door.tenant("first")
    tag = {"If-Match": (await owner("GET", "/settings")).headers["ETag"]}
    row = {"company": "acme", "halo": 41, "integration_policy": {"drop_zero": False}}
    change = {
        "policy": {"drop_zero": True},
        "integration": {"pax8": {"policy": {"behaviour": "latest"}}},
        "client": [row],
    }
    changed = await owner("PATCH", "/settings", json=change, headers=tag)
    assert changed.status_code == 200, changed.text
    asked = "/settings/explained?company=acme"
    found = {row["name"]: row for row in (await owner("GET", asked)).json()["items"]}
    zero = found["drop_zero"]
    assert (zero["value"], zero["level"]) == (False, "client within integration")
    assert zero["said"] == {
        "global": True,
        "integration": None,
        "client": None,
        "client within integration": False,
    }
    assert (found["behaviour"]["value"], found["behaviour"]["level"]) == ("latest", "integration")
    assert found["lifecycle"]["level"] == "default"
    nobody = {r["name"]: r for r in (await owner("GET", "/settings/explained")).json()["items"]}
    assert (nobody["drop_zero"]["value"], nobody["drop_zero"]["level"]) == (True, "global")


async def test_r7_a_clients_manual_beside_automatic_runs_is_refused_and_nobody_did_it(
    door: Door,
) -> None:
    owner = await door.tenant("first")
    tag = {"If-Match": (await owner("GET", "/settings")).headers["ETag"]}
    change = {"automation": {"automatic": True}}
    assert (await owner("PATCH", "/settings", json=change, headers=tag)).status_code == 200
    said = len((await owner("GET", "/audit")).json()["items"])
    row = {"company": "acme", "halo": 41, "policy": {"lifecycle": "manual"}}
    refused = await owner("PUT", "/mappings/clients", json=row)
    assert (refused.status_code, refused.json()["code"]) == (409, "manual-and-automatic")
    assert len((await owner("GET", "/audit")).json()["items"]) == said


async def test_a_company_is_billed_or_excluded(door: Door) -> None:
    owner = await door.tenant("first")
    for row in ({"company": "acme"}, {"company": "acme", "halo": 41, "exclude": True}):
        refused = await owner("PUT", "/mappings/clients", json=row)
        assert refused.status_code == 422
        assert "neither `halo`" in refused.text or "both `halo`" in refused.text
