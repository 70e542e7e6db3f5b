"""The job ResolveCounts against the sandbox: rights by name, two lists, one answer."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.jobs import Jobs
from schemas import frame
from schemas.counts import Count, Counts
from schemas.messages import CountsReceived, CountsResolved, ResolvedCounts
from support.counts import count
from support.lifecycle import CONNECTION, TENANT
from support.memory_records import MemoryRecords

from .conftest import Make
from .world import HandRun, World

ROWS = [
    count(organization="700101", organization_name="Acme East"),
    count(organization="700102", organization_name="Acme West", units=3),
    count(organization="700103", organization_name="Bolt", warnings=["count-from-list"]),
    count(organization="700104", organization_name="Nobody's"),
]
SETTINGS: dict[str, Any] = {
    "client": [
        {"source": "huntress", "company": "700101", "halo": 42},
        {"source": "huntress", "company": "700102", "halo": 42},
    ],
    "product": [{"source": "huntress", "product": "edr", "halo": 901}],
}


@pytest.fixture
async def counting(make: Make) -> World:
    return await make(**SETTINGS)


def received(world: World, **changes: Any) -> CountsReceived:
    given = {"source": "huntress", "document": "", "day": "2026-11-05", "organizations": 4}
    head: CountsReceived = world.command(CountsReceived, **given | changes)
    return head


def job(world: World, rows: list[Count] = ROWS) -> HandRun:
    payload = frame.encode(received(world).model_dump_json().encode(), Counts.dump_json(rows))
    return HandRun("job of counts", "ResolveCounts", payload, world._step)


def answer(world: World) -> tuple[CountsResolved, ResolvedCounts]:
    head, body = world.fact(CountsResolved)
    return head, ResolvedCounts.model_validate_json(body)


async def test_sums_per_client_and_what_ended(counting: World) -> None:
    await counting.run(job(counting))
    head, found = answer(counting)
    assert (head.problem, head.day, head.organizations, head.clients) == (None, "2026-11-05", 4, 2)
    assert head.text == "edit:softwarelicensing: not proved until the first write"
    assert [(c.client, c.client_name, c.product, c.item, c.count) for c in found.clients] == [
        (42, "Acme", "edr", 901, 22),
        (43, "Bolt", "edr", 901, 19),
    ]
    assert [(row.organization, row.reason) for row in found.ended] == [
        ("700104", "organization-unmapped")
    ]
    assert [(match.company, match.client) for match in found.matches] == [("700103", 43)]


async def test_clients_and_items_are_listed_once_however_many_rows(counting: World) -> None:
    await counting.run(job(counting, ROWS * 200))
    assert await counting.calls() == {"GET /Client": 1, "GET /Currency": 1, "GET /Item": 1}


async def test_each_snapshot_is_one_job_and_one_with_a_problem_is_none(counting: World) -> None:
    for _ in range(2):
        await counting.deliver(received(counting), Counts.dump_json(ROWS))
    await counting.deliver(received(counting, revision=3, problem="huntress-login"), b"[]")
    records = MemoryRecords(counting.shelf)
    [only] = await Jobs(records, counting.clock).open(TENANT)
    assert (only.head.kind, only.head.connection) == ("ResolveCounts", CONNECTION)


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("read:items", ["read:softwarelicensing", "edit:softwarelicensing"]),
        ("read:softwarelicensing edit:softwarelicensing", ["read:items"]),
        ("read:items read:softwarelicensing edit:softwarelicensing", []),
        ("all", []),
        ("all:standard", []),
    ],
)
async def test_rights_are_checked_by_name_before_anything_is_listed(
    counting: World, scopes: str, missing: list[str]
) -> None:
    counting.scope = f"read:customers {scopes}"
    await counting.run(job(counting))
    head, found = answer(counting)
    assert head.problem == ("halopsa-right-missing" if missing else None)
    for right in missing:
        assert right in head.text
    if missing:
        assert found == ResolvedCounts()
        assert await counting.calls() == {}


async def test_wrong_credentials_are_told(counting: World) -> None:
    counting.client_id = "bad"
    await counting.run(job(counting))
    head, found = answer(counting)
    assert (head.problem, found) == ("halopsa-login", ResolvedCounts())


async def test_killed_at_any_step_it_ends_the_same(make: Make) -> None:
    whole = await make(**SETTINGS)
    await whole.run(job(whole))
    step, killed = 0, True
    while killed:
        step += 1
        world = await make(**SETTINGS)
        killed = await world.run_killed_at(job(world), step)
        assert answer(world) == answer(whole), f"killed at step {step}"
    assert step > 5
