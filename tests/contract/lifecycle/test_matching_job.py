"""The job MatchCompanies against the sandbox."""

from __future__ import annotations

from pydantic import TypeAdapter

from schemas.messages import CompaniesMatched, Company, CompanyMatch, MatchCompanies

from .conftest import Make
from .world import HandRun, World

COMPANIES = TypeAdapter(list[Company])
MATCHES = TypeAdapter(list[CompanyMatch])

ASKED = [
    Company(company="c1", name="Something else", external="HALO-1000"),
    Company(company="c2", name="BOLT"),
    Company(company="c3", name="Unknown"),
    Company(company="c4", name="Gone"),
    Company(company="c5", name="Bolts"),
]


def matching(world: World) -> HandRun:
    return world.job(world.command(MatchCompanies, revision=1), COMPANIES.dump_json(ASKED))


def matched(world: World) -> dict[str, CompanyMatch]:
    _, body = world.fact(CompaniesMatched)
    return {m.company: m for m in MATCHES.validate_json(body)}


async def test_r3_companies_are_matched_and_every_one_is_answered(world: World) -> None:
    await world.run(matching(world))
    got = matched(world)
    assert {c: m.client for c, m in got.items()} == {
        "c1": 42,
        "c2": 43,
        "c3": None,
        "c4": None,
        "c5": None,
    }
    assert got["c1"].evidence == "external id"
    assert got["c2"].evidence == "exact name"
    assert [s.id for s in got["c5"].suggestions] == [43]


async def test_clients_and_currencies_are_each_listed_once(world: World) -> None:
    await world.run(matching(world))
    assert await world.calls() == {"GET /Client": 1, "GET /Currency": 1}


async def test_wrong_credentials_are_told_to_the_run(world: World) -> None:
    world.client_id = "bad"
    await world.run(matching(world))
    head, body = world.fact(CompaniesMatched)
    assert head.problem == "halopsa-login"
    assert head.text
    assert body == b"[]"


async def test_a_job_that_is_tried_again_after_a_failure_is_answered_again(world: World) -> None:
    world.client_id = "bad"
    job = matching(world)
    await world.run(job)
    world.client_id = "anyone"
    await world.run(job)
    failed, done = world.facts(CompaniesMatched)
    assert (failed[0].problem, done[0].problem) == ("halopsa-login", None)


async def test_killed_at_any_step_it_ends_the_same(make: Make) -> None:
    whole = await make()
    await whole.run(matching(whole))
    step, killed = 0, True
    while killed:
        step += 1
        world = await make()
        killed = await world.run_killed_at(matching(world), step)
        assert matched(world) == matched(whole), f"killed at step {step}"
    assert step > 5
