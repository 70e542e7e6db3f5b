"""Counts as the gateway keeps them: what stands after any order of facts, and a person's words."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import PermanentError
from gateway.domain.syncs import SyncStage
from schemas import frame
from schemas.counts import (
    CountLink,
    CountLinks,
    CountLinksPlanned,
    CountRow,
    CountRows,
    CountsPosted,
    CountsReceived,
    CountsResolved,
    ResolvedCounts,
    Shortfall,
)
from schemas.entries import CompanyMatch
from schemas.events import CONTENT_TYPE
from support.json_schema import faults
from support.virtual_loop import in_virtual_time

from .schedule_world import TENANT, Body, World
from .schema_of import schema_of

HUNTRESS = "huntress"
HELD = CountRow(organization="7", product="edr", count=0, outcome="held", reason="count-zero")
DONE = CountRow(organization="8", product="edr", count=4, before=3, after=4, outcome="updated")


def a_world() -> World:
    return World(datetime(2026, 11, 5, tzinfo=UTC))


def facts(run: str, revision: int = 1, day: str = "2026-11-05") -> list[tuple[Any, bytes]]:
    head = {"tenant": TENANT, "run": run, "revision": revision, "settings": "s"}
    of: dict[str, Any] = {**head, "source": HUNTRESS, "connection": "halo", "day": day}
    return [
        (CountsReceived(**of, organizations=2, rows=2), b"[]"),
        (CountsResolved(**of, organizations=2, clients=2), b"{}"),
        (
            CountsPosted(**of, organizations=2, updated=1, held=1),
            CountRows.dump_json([HELD, DONE]),
        ),
    ]


def with_rows(told: list[tuple[Any, bytes]], *rows: CountRow) -> list[tuple[Any, bytes]]:
    return [*told[:-1], (told[-1][0], CountRows.dump_json(list(rows)))]


async def take(world: World, *said: tuple[Any, bytes]) -> None:
    for head, body in said:
        await world.gateway.counts.on_counts(head, Body(body))


def events(world: World) -> list[dict[str, Any]]:
    found = [m for m in world.said.messages if m.topic == "billing.events.v1"]
    assert all(m.headers == {"content-type": CONTENT_TYPE} for m in found)
    told = [json.loads(m.value) for m in found]
    for event in told:
        schema = schema_of(event["type"])
        assert faults(event, schema, schema) == []
    return told


def test_a_sync_is_commanded_for_the_tenants_day_and_followed_to_its_end() -> None:
    async def story() -> None:
        world = a_world()
        await world.change(
            lambda s: s.model_copy(
                update={"tenant": s.tenant.model_copy(update={"timezone": "America/Denver"})}
            )
        )
        sync = await world.gateway.counts.sync_counts(TENANT, "quick")
        [(_, head)] = world.said.heads
        assert (head.day, head.mode, head.run) == ("2026-11-04", "quick", sync.run)
        queries = world.gateway.queries
        seen = []
        for head, body in facts(sync.run, sync.revision, day=sync.day):
            seen.append((await queries.sync(TENANT, sync.run)).stage)
            await take(world, (head, body))
        assert seen == [SyncStage.READING, SyncStage.RESOLVING, SyncStage.POSTING]
        view = await queries.view(TENANT, HUNTRESS)
        assert view.results is not None
        assert view.results.stage is SyncStage.ENDED
        assert view.rows == (HELD, DONE)
        assert await queries.held(TENANT, HUNTRESS) == [HELD]
        [event] = events(world)
        assert event["type"] == "chargeline.counts.synced.v1"
        assert event["subject"] == "2026-11-04"
        assert {k: event["data"][k] for k in ("updated", "held", "mode", "problem")} == {
            "updated": 1,
            "held": 1,
            "mode": "quick",
            "problem": None,
        }

    in_virtual_time(story())


def test_any_order_of_facts_said_twice_ends_in_the_same() -> None:
    async def after(order: tuple[int, ...]) -> tuple[bytes, list[str]]:
        world = a_world()
        said = facts("run", 3)
        await take(world, *[said[n] for n in order], *[said[n] for n in order])
        view = await world.gateway.queries.view(TENANT, HUNTRESS)
        return view.model_dump_json().encode(), [e["id"] for e in events(world)]

    results = [in_virtual_time(after(order)) for order in itertools.permutations(range(3))]
    assert len({view for view, _ in results}) == 1
    assert len({tuple(ids) for _, ids in results}) == 1
    assert len(results[0][1]) == 1, "one event, however often it is said"


def test_19_what_a_reseller_is_billed_beyond_the_use_stands_beside_the_results() -> None:
    async def story() -> None:
        world = a_world()
        (received, body), *others = facts("run")
        short = Shortfall(account="5501", product="edr", billed=400, used=300, minimum=400)
        told = received.model_copy(update={"shortfalls": (short,), "shortfalls_found": 1})
        await take(world, (told, body), *others)
        view = await world.gateway.queries.view(TENANT, HUNTRESS)
        assert view.shortfalls == (short,)
        assert view.shortfalls[0].units == 100

    in_virtual_time(story())


def test_results_stay_when_a_later_sync_can_not_go_on_and_older_news_change_nothing() -> None:
    async def story() -> None:
        world = a_world()
        queries = world.gateway.queries
        await take(world, *facts("second", 2))
        problem = {"problem": "huntress-login", "text": "Huntress refuses the key"}
        [received, *_] = facts("third", 3)
        await take(world, (received[0].model_copy(update=problem), b"[]"))
        view = await queries.view(TENANT, HUNTRESS)
        assert (view.newest and view.newest.run, view.results and view.results.run) == (
            "third",
            "second",
        )
        assert view.newest is not None
        assert (view.newest.stage, view.newest.problem) == (SyncStage.ENDED, "huntress-login")
        assert [e["data"]["problem"] for e in events(world)] == [None, "huntress-login"]
        await take(world, *facts("first", 1))
        assert await queries.view(TENANT, HUNTRESS) == view

    in_virtual_time(story())


def test_a_held_count_is_accepted_by_its_very_value_and_goes_along_from_then_on() -> None:
    async def story() -> None:
        world = a_world()
        counts = world.gateway.counts
        await take(world, *facts("run"))
        for organization, product, count, why in (
            ("7", "edr", 1, "is held with 0"),
            ("8", "edr", 4, "is not held, but updated"),
            ("9", "edr", 0, "there is no product edr of organization 9"),
        ):
            with pytest.raises(PermanentError, match=why) as refused:
                await counts.accept_count(TENANT, organization, product, count)
            assert refused.value.code == "count-not-held"
        gone = HELD.model_copy(update={"organization": "10", "reason": "licence-gone"})
        await take(world, *with_rows(facts("later", revision=2), HELD, gone))
        with pytest.raises(PermanentError, match=r"another cause \(licence-gone\)"):
            await counts.accept_count(TENANT, "10", "edr", 0)
        await counts.accept_count(TENANT, "7", "edr", 0)
        await counts.accept_count(TENANT, "7", "edr", 0)
        await counts.sync_counts(TENANT)
        _, body = frame.decode(world.said.messages[-1].value)
        [word] = json.loads(body)
        assert word.pop("at"), "an older word does not hold for a later fall"
        assert word == {"organization": "7", "product": "edr", "count": 0}

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-11-06", "count-day"),
        ("yesterday", "count-day"),
        ("2026-02-30", "count-day"),
        ("2026-11-04", "count-day-passed"),
    ],
)
def test_another_day_than_today_or_none_at_all_is_refused(day: str, code: str) -> None:
    async def story() -> None:
        world = a_world()
        with pytest.raises(PermanentError) as refused:
            await world.gateway.counts.sync_counts(TENANT, day=day)
        assert refused.value.code == code
        assert not world.said.heads

    in_virtual_time(story())


def test_links_are_planned_then_applied_by_hash_and_the_newest_answer_stands() -> None:
    async def story() -> None:
        world = a_world()
        counts, queries = world.gateway.counts, world.gateway.queries
        planned = await counts.link_counts(TENANT)
        applied = await counts.link_counts(TENANT, ["b", "a"])
        heads = [head for _, head in world.said.heads]
        assert [(h.kind, h.applies) for h in heads] == [("LinkCounts", False), ("LinkCounts", True)]
        assert json.loads(frame.decode(world.said.messages[-1].value)[1]) == ["a", "b"]
        row = CountLink(client=1, product="edr", item=2, licence=3, operation="link", hash="a")
        of: dict[str, Any] = {
            "tenant": TENANT,
            "run": "r",
            "settings": "s",
            "connection": "halo",
        }
        for revision, done in ((applied, True), (planned, False)):
            answer = CountLinksPlanned(**of, revision=revision, source=HUNTRESS, applied=done)
            await counts.on_links_planned(answer, Body(CountLinks.dump_json([row])))
        links, rows = await queries.links(TENANT, HUNTRESS)
        assert links is not None
        assert (links.revision, links.applied, rows) == (applied, True, [row])

    in_virtual_time(story())


def test_the_history_has_one_count_a_day_and_the_newest_of_a_day_counts() -> None:
    async def story() -> None:
        world = a_world()
        queries = world.gateway.queries
        for revision, (day, count) in enumerate(
            [("2026-11-03", 1), ("2026-11-04", 2), ("2026-11-05", 3), ("2026-11-05", 4)], start=1
        ):
            [*_, (head, _)] = facts(f"run{revision}", revision)
            row = DONE.model_copy(update={"count": count})
            body = CountRows.dump_json([row])
            await take(world, (head.model_copy(update={"day": day}), body))
        assert await queries.history(TENANT, HUNTRESS, last=2) == {
            ("8", "edr"): {"2026-11-04": 2, "2026-11-05": 4}
        }

    in_virtual_time(story())


def test_who_asks_for_an_unknown_sync_is_told() -> None:
    async def story() -> None:
        with pytest.raises(PermanentError) as refused:
            await a_world().gateway.queries.sync(TENANT, "sync_1")
        assert refused.value.code == "sync-unknown"

    in_virtual_time(story())


def test_two_replicas_that_take_one_fact_keep_one_sync() -> None:
    async def story() -> None:
        world = a_world()
        world.pause = lambda: asyncio.sleep(0.01)
        replicas = [world.replica(), world.replica()]
        for head, body in facts("run"):
            await asyncio.gather(*(r.counts.on_counts(head, Body(body)) for r in replicas))
        assert len(await world.gateway.queries.syncs(TENANT, HUNTRESS)) == 1
        assert len({e["id"] for e in events(world)}) == 1

    in_virtual_time(story())


def test_clients_that_were_found_by_name_are_mapped_and_a_persons_mapping_stands() -> None:
    async def story() -> None:
        world = a_world()
        _, (resolved, _), _ = facts("run")
        match = CompanyMatch(company="7", name="Acme", client=42, evidence="exact name")
        nobody = CompanyMatch(company="8", name="Bolt")
        body = ResolvedCounts(matches=(match, nobody)).model_dump_json().encode()
        for _ in range(2):
            await take(world, (resolved, body))
        mappings = (await world.gateway.store.settings(TENANT)).client
        assert [(row.source, row.company, row.halo, row.evidence) for row in mappings] == [
            (HUNTRESS, "7", 42, "exact name")
        ]
        other = match.model_copy(update={"client": 43})
        again = ResolvedCounts(matches=(other,)).model_dump_json().encode()
        await take(world, (resolved, again))
        assert (await world.gateway.store.settings(TENANT)).client == mappings

    in_virtual_time(story())
