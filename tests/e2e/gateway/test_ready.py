"""Ready to invoice: what is planned, filtered; all of it posted by one write, nothing unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.domain.access import OF_ROLE
from support import small
from support.office import Office
from support.rest import Asking
from support.virtual_loop import in_virtual_time
from support.whole import Ran

OWNER = OF_ROLE["owner"]


def office(folder: Path, **settings: Any) -> Office:
    """Acme is billed 20, Bolt 60; a limit comes with the settings."""
    items = [small.item(1), small.of_bolt(2, quantity=6, total=60.00, costTotal=48.00)]
    return Office(folder, small.pax8(items), settings=small.settings(**settings))


async def planned(o: Office, who: Asking) -> str:
    """A run of theirs that waits for approval; its id."""
    await o.documents()
    begun = await who("POST", "/runs", json={"document": small.DOCUMENT, "approve_items": True})
    run: str = begun.json()["run"]
    await o.ended(run)
    return run


async def stage(o: Office, run: str) -> str:
    ran: Ran = await o.ended(run)
    return ran.run.stage.value


@pytest.mark.parametrize(
    ("query", "clients"),
    [
        ("", [42, 41]),
        ("?client=41", [41]),
        ("?min_amount=20.01", [42]),
        ("?search=aCM", [41]),
        ("?source=huntress", []),
        ("?state=second-approval", []),
        ("?state=held", []),
    ],
)
def test_the_list_shows_what_its_filters_let_through(
    tmp_path: Path, query: str, clients: list[int]
) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            await planned(o, ann)
            found = (await ann("GET", f"/ready{query}")).json()
            assert [row["client"] for row in found["items"]] == clients
            assert found["count"] == len(clients)
            for row in found["items"]:
                assert float(row["margin"]) == float(row["price"]) - float(row["cost"])
                assert row["hash"]

    in_virtual_time(story())


def test_all_that_is_shown_is_posted_by_one_write(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            run = await planned(o, ann)
            shown = await ann("GET", "/ready?limit=1")
            assert shown.json()["sums"] == {"USD": {"rows": 2, "price": "80", "cost": "64"}}
            assert shown.json()["next"]
            seen = {"If-Match": shown.headers["ETag"]}
            done = await ann("POST", "/ready/generate", json={}, headers=seen)
            assert (done.status_code, done.json()["sent"]) == (202, 2)
            assert await stage(o, run) == "ended"
            await o.assert_charged_is_posted()
            assert (await ann("GET", "/ready")).json()["items"] == []

    in_virtual_time(story())


def test_filters_post_a_part(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            run = await planned(o, ann)
            shown = await ann("GET", "/ready?client=41")
            seen = {"If-Match": shown.headers["ETag"]}
            wide = await ann("POST", "/ready/generate", json={}, headers=seen)
            assert (wide.status_code, wide.json()["code"]) == (412, "ready-changed")
            done = await ann("POST", "/ready/generate", json={"client": 41}, headers=seen)
            assert done.json()["sent"] == 1
            assert await stage(o, run) == "planned"
            left = (await ann("GET", "/ready")).json()
            assert [row["client"] for row in left["items"]] == [42]

    in_virtual_time(story())


def test_nothing_unseen_is_posted(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path) as o:
            ann = await o.somebody("ann")
            run = await planned(o, ann)
            shown = await ann("GET", "/ready")
            plans = {row["batch"]: row["hash"] for row in shown.json()["items"]}
            other = {"source": "pax8", "product": small.product(1), "halo": 902}
            await o.change(small.settings(product=[other]))
            await ann("POST", f"/runs/{run}/again")
            await o.ended(run)
            seen = {"If-Match": shown.headers["ETag"]}
            done = await ann("POST", "/ready/generate", json={}, headers=seen)
            assert (done.status_code, done.json()["code"]) == (412, "ready-changed")
            one = await ann("POST", f"/runs/{run}/apply", json={"seen": plans})
            assert (one.status_code, one.json()["code"]) == (412, "ready-changed")
            without = await ann("POST", "/ready/generate", json={})
            assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
            assert not await o.invoices()

    in_virtual_time(story())


LIMITED = {"approvals": {"second_above": "50"}}


def test_above_the_limit_two_people_approve(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, **LIMITED) as o:
            ann, bob = await o.somebody("ann", OWNER), await o.somebody("bob")
            other = await ann("POST", "/keys", json={"name": "x", "scopes": ["read", "approve"]})
            anns = Asking(o.http, "msp", other.json()["token"])
            assert other.json()["owner"] == "user:ann", "a key counts as whoever had it made"
            run = await planned(o, ann)
            first = await ann("POST", f"/runs/{run}/apply", json={})
            assert (first.json()["count"], first.json()["waits"]) == (0, 2)
            waiting = (await bob("GET", "/ready?state=second-approval")).json()["items"]
            assert [row["approved_by"] for row in waiting] == ["user:ann", "user:ann"]
            for again in (ann, anns):
                refused = await again("POST", f"/runs/{run}/apply", json={})
                assert refused.json()["code"] == "second-approver-missing", refused.text
                seen = {"If-Match": (await again("GET", "/ready")).headers["ETag"]}
                none = (await again("POST", "/ready/generate", json={}, headers=seen)).json()
                assert (none["sent"], none["runs"][0]["code"]) == (0, "second-approver-missing")
            assert not await o.invoices()
            waits = [e["second"] for e in await o.events(bob, "run.waiting", 2)]
            assert waits == [0, 2], "somebody else can be told"
            second = await bob("POST", f"/runs/{run}/apply", json={})
            assert (second.json()["count"], second.json()["waits"]) == (2, 0)
            assert await stage(o, run) == "ended"
            await o.assert_charged_is_posted()
            log = (await ann("GET", "/audit")).json()["items"]
            said = [e for e in log if e["action"] == "run-approved"]
            assert said[0]["after"]["person"] == "user:ann"
            assert said[-1]["after"]["person"] == "user:bob"
            assert said[-1]["before"] == {"approved_first": ["user:ann"]}

    in_virtual_time(story())


def test_small_pieces_come_to_the_limit_as_well(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, approvals={"second_above": "60"}) as o:
            ann, bob = await o.somebody("ann"), await o.somebody("bob")
            run = await planned(o, ann)
            rows = (await ann("GET", "/ready")).json()["items"]
            large, little = rows
            one = await ann("POST", f"/runs/{run}/apply", json={"only": [large["batch"]]})
            assert one.json()["count"] == 1
            assert await stage(o, run) == "planned"
            two = await ann("POST", f"/runs/{run}/apply", json={"only": [little["batch"]]})
            assert (two.json()["count"], two.json()["waits"]) == (0, 1)
            seen = {"If-Match": (await bob("GET", "/ready")).headers["ETag"]}
            done = await bob("POST", "/ready/generate", json={}, headers=seen)
            assert done.json()["sent"] == 1
            assert await stage(o, run) == "ended"

    in_virtual_time(story())


def test_whoever_planned_is_not_the_second(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, **LIMITED) as o:
            ann, bob = await o.somebody("ann"), await o.somebody("bob")
            run = await planned(o, ann)
            await bob("POST", f"/runs/{run}/apply", json={})
            refused = await ann("POST", f"/runs/{run}/apply", json={})
            assert refused.json()["code"] == "second-approver-missing"
            cyd = await o.somebody("cyd")
            assert (await cyd("POST", f"/runs/{run}/apply", json={})).json()["count"] == 2
            await o.ended(run)

    in_virtual_time(story())


def test_a_run_that_nobody_is_asked_about_waits_above_the_limit(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, **LIMITED) as o:
            approved = await o.bill(approve_items=True, approve_plans=True)
            ran = await o.bill(automatic=True)
            for one in (approved, ran):
                assert one.run.stage.value == "planned"
                assert "above the limit of 50" in one.run.text
            assert not await o.invoices()
            run = ran.run.run
            assert await o.system.gateway.runs.approve("msp", run) == 0, "one operator"
            bob = await o.somebody("bob")
            assert (await bob("POST", f"/runs/{run}/apply", json={})).json()["count"] == 2
            await o.ended(run)
            await o.assert_charged_is_posted()

    in_virtual_time(story())


def test_planning_again_takes_the_first_word_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, **LIMITED) as o:
            ann, bob = await o.somebody("ann"), await o.somebody("bob")
            run = await planned(o, ann)
            await ann("POST", f"/runs/{run}/apply", json={})
            await ann("POST", f"/runs/{run}/again")
            await o.ended(run)
            said = await bob("POST", f"/runs/{run}/apply", json={})
            assert (said.json()["count"], said.json()["waits"]) == (0, 2)

    in_virtual_time(story())


@pytest.mark.parametrize(
    "change", [{"approvals": {"second_above": "9999"}}, {"tenant": {"currency": "EUR"}}]
)
def test_an_approver_does_not_move_the_limit(tmp_path: Path, change: dict[str, Any]) -> None:
    async def story() -> None:
        async with office(tmp_path, **LIMITED) as o:
            bob, ann = await o.somebody("bob"), await o.somebody("ann", OWNER)
            for who, status in ((bob, 403), (ann, 200)):
                tag = {"If-Match": (await who("GET", "/settings")).headers["ETag"]}
                said = await who("PATCH", "/settings", json=change, headers=tag)
                assert said.status_code == status, said.text

    in_virtual_time(story())
