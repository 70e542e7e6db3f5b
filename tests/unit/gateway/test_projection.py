"""Slots take the newest fact, in any order, twice: statement and stage depend on nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.projection import ParkedBatch, Projection, ended, entries_of
from gateway.domain.run import Progress
from gateway.domain.statement import statement
from schemas.messages import BatchHead
from schemas.statement import Entry
from support.examples import thousand

from .facts import (
    DROPPED,
    KEPT,
    a_run,
    altered,
    done,
    held,
    money,
    normalized,
    planned,
    refused,
    resolved,
    story,
    undone,
)


def taken(facts: Iterable[BatchHead]) -> list[Projection]:
    there: dict[str, Projection] = {}
    for fact in facts:
        before = there.get(fact.batch, Projection(run="run", batch=fact.batch))
        there[fact.batch] = before.take(fact)
    return list(there.values())


def shown(facts: Iterable[BatchHead], batches: int = 1) -> bytes:
    return statement(a_run(batches), taken(facts)).model_dump_json().encode()


STORIES: dict[str, list[BatchHead]] = {
    "posted": story(),
    "posted otherwise than sent": [*story()[:3], done(matches=False, differences=(altered(),))],
    "held by lifecycle": [normalized(), held()],
    "held by its plan": [normalized(), resolved(), planned(code="latest-not-open")],
    "refused": [normalized(), resolved(), planned(), refused()],
    "undone": [*story(), undone()],
    "undo refused": [*story(), refused(revision=2, command="undo", code="undo-sent")],
    "formed again": [*story(revision=0), *story(revision=1)],
    "formed again while planned": [normalized(revision=0), planned(revision=0), *story()],
    "released": [normalized(revision=0), held(revision=0), *story()],
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_runs_facts_gives_the_same_statement(name: str) -> None:
    facts = STORIES[name]
    orders = list(permutations(facts)) if len(facts) < 7 else list(permutations(facts))[::101]
    assert len({shown(order) for order in orders}) == 1


@thousand
@given(st.lists(st.sampled_from(range(8)), min_size=8, max_size=30), st.permutations(range(8)))
def test_facts_that_come_twice_change_nothing(twice: list[int], order: list[int]) -> None:
    facts = [*story("b1"), *story("b2")]
    once = shown([facts[n] for n in order], 2)
    again = shown([*(facts[n] for n in order), *(facts[n] for n in twice)], 2)
    assert once == again == shown(facts, 2)


def test_a_slot_takes_the_highest_revision_and_no_lower_one_again() -> None:
    old, new = planned(revision=1), planned(revision=2, hash="new")
    for order in ((old, new), (new, old)):
        (projection,) = taken(order)
        assert projection.planned == new
    (projection,) = taken([new, planned(revision=2, hash="other")])
    assert projection.planned == new  # the same revision again is a duplicate


@pytest.mark.parametrize(
    ("facts", "progress"),
    [
        ([planned()], None),
        ([normalized()], Progress.NORMALIZED),
        ([normalized(), resolved()], Progress.RESOLVED),
        ([normalized(), held()], Progress.HELD),
        ([normalized(), planned()], Progress.PLANNED),
        ([normalized(), planned(code="net-credit")], Progress.HELD),
        ([normalized(), refused(command="plan")], Progress.HELD),
        ([normalized(), planned(), refused()], Progress.DONE),
        (story(), Progress.DONE),
        ([*story(), normalized(revision=2)], Progress.NORMALIZED),
        ([*story(), held(revision=2)], None),
    ],
)
def test_a_batch_stands_where_its_newest_facts_say(
    facts: list[BatchHead], progress: Progress | None
) -> None:
    (projection,) = taken(facts)
    assert projection.progress() is progress
    assert ended(projection) == (progress in (Progress.HELD, Progress.DONE))


@pytest.mark.parametrize(
    ("facts", "outcome", "reason"),
    [
        ([normalized()], "pending", ""),
        ([normalized(), resolved()], "pending", ""),
        ([normalized(), held(code="item-gone")], "held", "item-gone"),
        ([normalized(), planned()], "pending", ""),
        ([normalized(), planned(), refused()], "refused", "moved"),
        (story(), "posted", ""),
        ([*story(), undone()], "held", "undone"),
        ([*story(), refused(revision=2, command="undo")], "posted", ""),
        ([*story(), normalized(revision=2), held(revision=2)], "posted", "company-unmapped"),
        (
            [*story(), undone(), normalized(revision=3), held(revision=3)],
            "held",
            "company-unmapped",
        ),
        (
            [*story(), normalized(revision=2, content="other"), held(revision=2)],
            "held",
            "company-unmapped",
        ),
        (
            [*story(), normalized(revision=2), refused(revision=2, command="plan")],
            "posted",
            "moved",
        ),
        ([*story(), undone(), *story(revision=3)], "posted", ""),
    ],
)
def test_kept_money_is_where_the_latest_stage_says(
    facts: list[BatchHead], outcome: str, reason: str
) -> None:
    (projection,) = taken(facts)
    dropped, kept = entries_of(projection)
    assert (dropped.outcome, dropped.reason) == ("dropped", "drop-zero")
    assert (kept.outcome, kept.reason, kept.price, kept.lines) == (outcome, reason, KEPT, 2)


POSTED, PARKED = ("posted", ""), ("held", "parked")


def not_undone(revision: int, code: str) -> BatchHead:
    return refused(revision=revision, command="undo", code=code)


def about(answers: str, revision: int = 1) -> ParkedBatch:
    head = normalized(revision=revision).model_dump(include=set(BatchHead.model_fields) - {"kind"})
    return ParkedBatch(**head | {"kind": "ParkedBatch"}, code="bug", answers=answers)


@pytest.mark.parametrize(
    ("facts", "progress", "told"),
    [
        ([*story()[:2], about("")], Progress.HELD, ("held", "parked")),
        ([*story()[:3], about("")], Progress.HELD, ("held", "parked")),
        ([*story()[:3], about("apply")], Progress.DONE, ("held", "parked")),
        ([*story(), about("apply")], Progress.DONE, ("posted", "")),
        ([*story(), about("")], Progress.DONE, ("posted", "parked")),
        ([*story()[:3], refused(), about("apply")], Progress.DONE, ("refused", "moved")),
        ([*story()[:3], about(""), about("apply")], Progress.DONE, ("held", "parked")),
        ([*story(), about("undo", revision=2)], Progress.DONE, ("held", "parked")),
        ([*story(), undone(), about("undo", revision=2)], Progress.DONE, ("held", "undone")),
        ([*story(), about("undo", 2), not_undone(2, "undo-nothing")], Progress.DONE, POSTED),
        ([*story(), about("undo", 2), not_undone(3, "undo-nothing")], Progress.DONE, PARKED),
        ([*story(), about("undo", 2), not_undone(3, "undo-sent")], Progress.DONE, POSTED),
    ],
)
def test_the_money_of_a_parked_batch_is_held_until_the_answer_comes(
    facts: list[BatchHead], progress: Progress, told: tuple[str, str]
) -> None:
    """An answer of the poster that is parked is the last that comes for the batch."""
    for order in (facts, facts[::-1]):
        (projection,) = taken(order)
        assert projection.progress() is progress
        assert [(e.outcome, e.reason) for e in entries_of(projection)][1:] == [told]
        assert projection.revision == 1


def test_what_was_perhaps_taken_back_is_not_told_as_posted_by_a_pass_that_does_not_look() -> None:
    facts = [*story(), about("undo", 2), normalized(revision=3), held(revision=3)]
    (projection,) = taken(facts)
    assert [(e.outcome, e.price) for e in entries_of(projection)][1:] == [("held", KEPT)]
    (projection,) = taken([*facts, not_undone(2, "undo-sent")])
    assert [(e.outcome, e.price) for e in entries_of(projection)][1:] == [("posted", KEPT)]


def test_what_was_refused_before_it_was_written_had_what_stood_when_it_was_planned() -> None:
    half = Entry(outcome="posted", lines=1, price=KEPT - 10, cost=KEPT - 10)
    rest = Entry(outcome="pending", lines=1, price=Decimal(10), cost=Decimal(10))
    (projection,) = taken(
        [normalized(), planned(money=(half, rest)), refused(code="run-stopped", held=True)]
    )
    waits = rest.model_copy(update={"outcome": "held", "reason": "run-stopped"})
    assert set(entries_of(projection)[1:]) == {half, waits}


def test_r2_what_stands_comes_off_what_it_would_be_told_as() -> None:
    stands = Entry(outcome="posted", reason="excluded-after-posting", lines=1, price=DROPPED)
    gone = Entry(outcome="dropped", reason="drop-zero", lines=1, price=DROPPED, cost=DROPPED)
    stands = stands.model_copy(update={"cost": DROPPED})
    (projection,) = taken([normalized(), planned(money=(*money("posted"), stands), taken=(gone,))])
    assert set(entries_of(projection)) == {*money("posted"), stands}


def test_r2_what_stood_of_lines_that_are_dropped_now_comes_off_the_dropped() -> None:
    everything = Entry(outcome="posted", lines=3, price=KEPT + DROPPED, cost=KEPT + DROPPED)
    first = [normalized(money=(), kept_lines=3), done(money=(everything,))]
    (projection,) = taken([*first, normalized(revision=2), held(revision=2)])
    stands = everything.model_copy(update={"reason": "company-unmapped"})
    assert entries_of(projection) == (stands,)


def test_a_batch_that_keeps_nothing_has_nothing_pending() -> None:
    (projection,) = taken([normalized(kept_lines=0, kept_price=0, kept_cost=0)])
    assert [e.outcome for e in entries_of(projection)] == ["dropped"]
