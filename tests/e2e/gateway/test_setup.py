"""A tenant's set-up: clients and products matched in the background, the rest suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.domain.access import Scope
from support import small
from support.office import Office
from support.virtual_loop import in_virtual_time

OLD = "c0000000-0000-4000-8000-000000000003"


def pax8() -> dict[str, Any]:
    """Acme is called the same at both ends, Bolt nearly so, and Old has an address in common."""
    load = small.pax8()
    bolt = {"id": small.BOLT, "name": "Bolts Limited"}
    old = {"id": OLD, "name": "Quite another name", "website": "http://WWW.old.example/about"}
    of_acme = {"companyId": small.ACME, "billingTerm": "Monthly", "status": "Active", "quantity": 1}
    subscriptions = [
        {"id": f"4{n}", "productId": small.product(n), "productName": name, **of_acme}
        for n, name in ((1, "Product 1"), (7, "Product seven"), (8, "Never heard of"))
    ]
    gone = subscriptions[0] | {"id": "49", "productId": small.product(9), "status": "Cancelled"}
    companies = [{"id": small.ACME, "name": "Acme"}, bolt, old]
    return load | {"companies": companies, "subscriptions": [*subscriptions, gone]}


def halopsa() -> dict[str, Any]:
    clients = [
        small.client(41, "Acme"),
        small.client(42, "Bolts Ltd"),
        small.client(43, "Old & Sons", website="old.example"),
    ]
    items = [small.sold(901, "Product 1"), small.sold(907, "Product Seven (yearly)")]
    return small.halopsa(clients=clients, items=items)


def office(folder: Path) -> Office:
    return Office(folder, pax8(), halopsa(), small.settings(client=[]))


def test_a_set_up_syncs_clients_and_matches_products(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            assert (await ann("GET", "/setup")).json()["state"] == "not-begun"
            begun = await ann("POST", "/setup")
            assert (begun.status_code, begun.json()["state"]) == (202, "working")
            assert begun.json()["steps"][0]["state"] == "working"
            again = await ann("POST", "/setup")
            assert again.json()["setup"] == begun.json()["setup"], "one is under way"
            told = await o.answered(ann, "/setup", "state", "ended", "failed")
            assert told["state"] == "ended", told
            steps = {s["name"]: (s["state"], s["done"], s["of"]) for s in told["steps"]}
            assert steps == {
                "companies": ("done", 3, 3),
                "subscriptions": ("done", 4, 4),
                "clients": ("done", 1, 3),
                "products": ("done", 1, 3),
            }
            assert told["steps"][2]["text"] == "HaloPSA says 3; 2 wait for a person"
            mapped = (await ann("GET", "/mappings/clients")).json()["items"]
            assert [(m["company"], m["halo"], m["evidence"]) for m in mapped] == [
                (small.ACME, 41, "exact name")
            ]
            stages = [e["stage"] for e in await o.events(ann, "setup.progressed", 4)]
            assert stages == ["reading", "clients", "products", "ended"], "as they happened"
            eve = await o.somebody("eve", frozenset({Scope.ADMINISTER}))
            log = (await eve("GET", "/audit")).json()["items"]
            [said] = [entry for entry in log if entry["action"] == "clients-matched"]
            assert said["after"]["client"][small.ACME] == {"halo": 41, "evidence": "exact name"}
            later = await ann("POST", "/setup")
            assert later.json()["setup"] != begun.json()["setup"]
            assert (await o.answered(ann, "/setup", "state", "ended"))["steps"] == told["steps"]

    in_virtual_time(story())


def test_what_no_rule_decides_is_suggested_with_its_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            await ann("POST", "/setup")
            await o.answered(ann, "/setup", "state", "ended")
            rows = (await ann("GET", "/mappings/suggestions")).json()["items"]
            by_about = {row["about"]: row for row in rows}
            bolt, old = by_about[small.BOLT], by_about[OLD]
            assert (bolt["candidates"][0]["id"], bolt["candidates"][0]["evidence"]) == (
                42,
                "similar name",
            )
            assert (old["candidates"][0]["id"], old["candidates"][0]["evidence"]) == (
                43,
                "same domain",
            )
            assert old["safe"]
            assert not bolt["safe"]
            assert by_about[f"pax8:{small.product(7)}:monthly"]["candidates"][0]["id"] == 907
            assert by_about[f"pax8:{small.product(8)}:monthly"]["candidates"] == []
            taken = [
                {"kind": "client", "about": small.BOLT, "candidate": 42},
                {"kind": "client", "about": OLD, "candidate": 43},
                {"kind": "product", "about": f"pax8:{small.product(7)}:monthly", "candidate": 907},
            ]
            done = await ann("POST", "/mappings/accepted", json={"items": taken})
            assert done.status_code == 200, done.text
            left = (await ann("GET", "/mappings/suggestions")).json()["items"]
            assert [row["about"] for row in left] == [f"pax8:{small.product(8)}:monthly"]
            settings = await o.system.gateway.queries.settings("msp")
            evidence = {m.company: m.evidence for m in settings.client}
            assert evidence[OLD] == "accepted: same domain"
            assert [(p.product, p.halo) for p in settings.product] == [
                (f"pax8:{small.product(7)}:monthly", 907)
            ]
            once_more = await ann("POST", "/mappings/accepted", json={"items": taken[:1]})
            assert (once_more.status_code, once_more.json()["code"]) == (404, "suggestion-unknown")

    in_virtual_time(story())


def test_of_many_one_that_is_not_suggested_refuses_them_all(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            await ann("POST", "/setup")
            await o.answered(ann, "/setup", "state", "ended")
            before = await o.system.gateway.queries.settings("msp")
            taken = [
                {"kind": "client", "about": small.BOLT, "candidate": 42},
                {"kind": "client", "about": OLD, "candidate": 41},
            ]
            done = await ann("POST", "/mappings/accepted", json={"items": taken})
            assert done.json()["code"] == "suggestion-unknown"
            assert await o.system.gateway.queries.settings("msp") == before

    in_virtual_time(story())


def test_what_a_run_holds_is_suggested_with_its_money(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            await o.bill(approve_items=True)
            rows = (await ann("GET", "/mappings/suggestions?kind=client")).json()["items"]
            [bolt] = [row for row in rows if row["about"] == small.BOLT]
            assert bolt["price"] == {"USD": "20"}
            assert bolt["candidates"], bolt

    in_virtual_time(story())


@pytest.mark.parametrize("vendor", ["pax8", "halopsa"])
def test_a_set_up_that_can_not_go_on_says_why_and_begins_anew(tmp_path: Path, vendor: str) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            await o.system.vault.forget("msp", vendor)
            await ann("POST", "/setup")
            told = await o.answered(ann, "/setup", "state", "ended", "failed")
            assert told["problem"] == f"{vendor}-credentials-missing"
            assert told["missing"] == [vendor]
            states = [step["state"] for step in told["steps"]]
            assert "failed" in states
            assert "working" not in states
            await o.system.seal("msp", vendor, "id", "secret")
            await ann("POST", "/setup")
            assert (await o.answered(ann, "/setup", "state", "ended", "failed"))["state"] == "ended"

    in_virtual_time(story())


def test_a_set_up_goes_on_in_the_next_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            begun = (await ann("POST", "/setup")).json()
            await o.restart()
            ann = await o.somebody("ann")
            told = await o.answered(ann, "/setup", "state", "ended", "failed")
            assert (told["state"], told["setup"]) == ("ended", begun["setup"])

    in_virtual_time(story())
