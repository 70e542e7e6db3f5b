"""Promise 2 for counts: answers are lost, rows are refused, processes die; each count is once."""

from collections.abc import AsyncIterator

import pytest

from chassis.service import LeaseLost
from poster_halo.count_store import CountStore, where_of
from poster_halo.domain.licence_writes import Writes
from schemas.counts import CountsPosted, CountsResolved, ResolvedCounts
from support.poster import CONNECTION, TENANT

from .count_world import ITEMS, NAMES, CountsWorld, counted
from .world import TENANT_ROWS, only_halo

NAME = NAMES["edr"]
POST = {"method": "POST", "path": "/SoftwareLicence"}


@pytest.fixture
async def counts() -> AsyncIterator[CountsWorld]:
    one = CountsWorld(only_halo())
    await one.load(**TENANT_ROWS | {"items": ITEMS})
    await one.use()
    yield one
    await one.http.aclose()
    one.app.close()


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "empty_500", "truncated", "html"])
@pytest.mark.parametrize("commit", [False, True])
async def test_an_uncertain_write_is_looked_for_before_it_is_repeated(
    counts: CountsWorld, kind: str, commit: bool
) -> None:
    await counts.sync(counted(43, 4))
    await counts.spoil({"kind": kind, **POST} | ({"commit": True} if commit else {}))
    began = counts.clock.now()
    posted = await counts.sync(counted(42, 19), counted(43, 7))
    assert (posted.created, posted.updated) == (1, 1)
    assert await counts.counts() == {(42, NAME): 19, (43, NAME): 7}
    assert (counts.clock.now() - began).total_seconds() >= 30
    row = counts.row(43)
    assert (row.before, row.after, row.warnings) == (4, 7, ())


async def test_a_process_that_died_while_writing_waits_until_its_write_has_settled(
    counts: CountsWorld,
) -> None:
    counts.meanwhile["after write_licences"] = counts.dies
    began = counts.clock.now()
    posted = await counts.sync(counted(42, 19))
    assert posted.created == 1
    assert counts.waits == [f"the write of licence {NAME!r} may still land"]
    assert (counts.clock.now() - began).total_seconds() >= 30
    assert await counts.counts() == {(42, NAME): 19}


async def test_what_was_answered_is_not_done_again(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19))
    said = len(counts.bus.messages)
    await counts.control("reset_calls", {})
    await counts.again()
    assert len(counts.bus.messages) == said
    assert await counts.calls() == {}


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
async def test_a_sync_that_waits_is_overtaken_by_a_newer_one_and_writes_no_more(
    counts: CountsWorld, kind: str
) -> None:
    counts.revision = 1
    head = CountsResolved(**counts.about(), day="2026-11-05")
    resolved = ResolvedCounts(clients=(counted(42, 19), counted(43, 4)))
    await counts.spoil({"kind": kind, **POST})
    waiting = await counts.first_pass("CountsResolved", head, resolved.model_dump_json().encode())
    began = counts.clock.now()
    await counts.sync(counted(42, 20), counted(43, 4))
    assert (counts.clock.now() - began).total_seconds() >= 60
    assert counts.row(42).warnings == ()
    await counts.resume(waiting)
    counts.revision = 1
    posted, _ = counts.last(CountsPosted)
    assert posted.problem == "superseded"
    assert await counts.counts() == {(42, NAME): 20, (43, NAME): 4}


async def test_while_newer_counts_are_being_written_an_older_sync_writes_nothing(
    counts: CountsWorld,
) -> None:
    store = CountStore(counts.outbox)
    await store.put_writes(TENANT, where_of(CONNECTION, "huntress"), Writes(job="n", revision=9))
    posted = await counts.sync(counted(42, 19))
    assert posted.problem == "superseded"
    assert await counts.licences() == []


async def test_without_the_right_to_read_invoices_a_held_count_is_held_all_the_same(
    counts: CountsWorld,
) -> None:
    await counts.sync(counted(42, 19))
    await counts.spoil({"kind": "forbidden", "path": "/RecurringInvoice"})
    posted = await counts.sync(counted(42, 0, code="count-zero", text="19 fell to 0"))
    assert (posted.held, posted.problem, counts.row(42).text) == (1, None, "19 fell to 0")


async def test_an_owner_of_before_overwrites_nothing(counts: CountsWorld) -> None:
    store, where = CountStore(counts.outbox), "here"
    await store.put_writes(TENANT, where, Writes(job="new", fence=3))
    with pytest.raises(LeaseLost):
        await store.put_writes(TENANT, where, Writes(job="old", fence=2))
    assert (await store.writes(TENANT, where)).job == "new"


async def test_a_limit_waits_and_goes_on_at_once(counts: CountsWorld) -> None:
    await counts.spoil({"kind": "rate_limit", **POST})
    began = counts.clock.now()
    posted = await counts.sync(counted(42, 19))
    assert posted.created == 1
    assert (counts.clock.now() - began).total_seconds() < 30


async def test_one_row_that_can_not_be_saved_sinks_no_other_and_is_named(
    counts: CountsWorld,
) -> None:
    clients = [{"id": n, "name": f"Client {n}"} for n in range(100, 140)]
    await counts.load(clients=clients)
    wants = [counted(n, 5) for n in range(100, 140)]
    await counts.sync(*wants)
    (bad,) = [row for row in await counts.licences() if row["client_id"] == 117]
    await counts.load(software_licences=[bad | {"_broken": True}])
    posted = await counts.sync(*[counted(n, 6) for n in range(100, 140)])
    assert (posted.updated, posted.refused, posted.problem) == (39, 1, None)
    row = counts.row(117)
    assert (row.reason, row.before, row.after) == ("licence-not-saved", 5, 5)
    assert "Client 117 (117)" in row.text
    assert "500" in row.text
    others = {client: n for (client, _), n in (await counts.counts()).items() if client != 117}
    assert set(others.values()) == {6}

    await counts.written()
    await counts.sync(*[counted(n, 7) for n in range(100, 140)])
    assert counts.row(117).outcome == "refused"
    # The row that was refused goes alone: it makes nobody wait and is repeated to its limit only.
    assert await counts.written() == 1 + 3


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ({"items": [ITEMS[0] | {"status": 15}]}, "is closed"),
        ({"clients": [{"id": 42, "name": "Acme", "inactive": True}]}, "is inactive"),
    ],
)
async def test_what_halopsa_does_not_say_is_looked_for(
    counts: CountsWorld, rows: dict[str, list[dict[str, object]]], named: str
) -> None:
    await counts.load(**rows)
    await counts.spoil({"kind": "error_500", "times": -1, **POST})
    await counts.sync(counted(42, 19))
    row = counts.row(42)
    assert (row.outcome, row.reason) == ("refused", "licence-not-saved")
    assert named in row.text


async def test_an_item_that_is_gone_is_named(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19, item=999), counted(43, 4))
    assert "item 999 is not in HaloPSA any more" in counts.row(42).text
    assert await counts.counts() == {(43, NAME): 4}


async def test_a_refusal_in_words_is_told_with_its_words(counts: CountsWorld) -> None:
    await counts.sync(counted(4_242, 19), counted(43, 4), counted(44, 5))
    row = counts.row(4_242)
    assert (row.outcome, row.reason) == ("refused", "licence-not-saved")
    assert "The customer does not exist" in row.text
    assert "client 4242 is not in HaloPSA any more" in row.text
    assert await counts.counts() == {(43, NAME): 4, (44, NAME): 5}
    assert counts.waits == []  # a refusal is an answer: nothing is waited for


async def test_without_the_right_to_write_all_is_refused_after_one_request(
    counts: CountsWorld,
) -> None:
    await counts.spoil({"kind": "forbidden", "times": -1, **POST})
    posted = await counts.sync(counted(42, 19), counted(43, 4))
    assert (posted.refused, posted.problem) == (2, None)
    assert {row.reason for row in counts.rows} == {"halopsa-right-missing"}
    assert "edit:softwarelicensing" in counts.row(42).text
    assert await counts.written() == 1


async def test_wrong_credentials_end_the_sync_with_a_problem_and_every_row(
    counts: CountsWorld,
) -> None:
    counts.client_id = "bad"
    posted = await counts.sync(counted(42, 19), counted(43, 4))
    assert posted.problem == "halopsa-login"
    assert {(row.outcome, row.reason) for row in counts.rows} == {("refused", "halopsa-login")}
    counts.client_id = "any"
    assert (await counts.sync(counted(42, 19))).created == 1


async def test_a_write_of_a_sync_that_failed_is_nobody_else_s_count(counts: CountsWorld) -> None:
    await counts.sync(counted(42, 19))
    await counts.spoil({"kind": "lost_answer", **POST})
    counts.client_id_after_a_write = "bad"
    posted = await counts.sync(counted(42, 20))
    assert posted.problem == "halopsa-login"
    counts.client_id, counts.client_id_after_a_write = "any", ""
    await counts.sync(counted(42, 21))
    row = counts.row(42)
    assert (row.outcome, row.before, row.after, row.warnings) == ("updated", 20, 21, ())


async def test_whoever_lost_the_lease_writes_no_more(counts: CountsWorld) -> None:
    counts.lost_at_guard = True
    with pytest.raises(LeaseLost):
        await counts.sync(counted(42, 19))
    assert await counts.licences() == []


@pytest.mark.parametrize("fault", [None, "lost_answer", "reset"])
async def test_killed_at_every_step_every_count_is_written_once(fault: str | None) -> None:
    """A create, an update and an unchanged count; killed at each store write and guard."""
    at, was_killed = 0, True
    while was_killed:
        at += 1
        one = CountsWorld(only_halo())
        await one.load(**TENANT_ROWS | {"items": ITEMS})
        await one.use()
        await one.sync(counted(43, 4), counted(44, 5))
        await one.written()
        if fault:
            await one.spoil({"kind": fault, **POST})
        one.kill_at = one.steps + at
        fence = one.fence
        posted = await one.sync(counted(42, 19), counted(43, 7), counted(44, 5))
        was_killed = one.fence != fence
        assert (posted.created, posted.updated, posted.unchanged) == (1, 1, 1), at
        assert (one.row(43).before, one.row(43).after, posted.warnings) == (4, 7, ()), at
        assert await one.counts() == {(42, NAME): 19, (43, NAME): 7, (44, NAME): 5}, at
        # What never arrived is sent again, in halves if its failure was stored.
        assert await one.written() in ((2, 3) if fault == "reset" else (1,)), at
        await one.http.aclose()
        one.app.close()
    assert at > 10
