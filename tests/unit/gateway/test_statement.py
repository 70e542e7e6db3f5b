"""R2: received on one side, outcomes on the other, and `unexplained` is only what is between."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.projection import Projection
from gateway.domain.statement import statement
from schemas.messages import BatchHead
from schemas.statement import Entry, Statement, merge

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
    resolved,
    story,
)


def of(*facts: BatchHead, **run: Any) -> Statement:
    there: dict[str, Projection] = {}
    for fact in facts:
        empty = Projection(run="run", batch=fact.batch)
        there[fact.batch] = there.get(fact.batch, empty).take(fact)
    return statement(a_run(**run), there.values())


def test_r2_the_identity_holds_to_the_cent() -> None:
    got = of(*story())
    side = got.currencies["USD"].price
    assert (side.received, side.posted, side.dropped) == (KEPT + DROPPED, KEPT, DROPPED)
    assert side.unexplained == 0
    assert got.complete
    assert got.lines == {
        "received": 3, "dropped": 1, "posted": 2, "collapsed": 0, "merged": 0,
    }  # fmt: skip


def test_r2_unexplained_is_null_until_every_promised_batch_has_ended() -> None:
    for facts in (
        [normalized()],
        [normalized(), resolved(), planned()],
        story()[:3],
        [],
    ):
        got = of(*facts)
        assert got.currencies["USD"].price.unexplained is None
        assert not got.complete
    assert of(*story("b1"), batches=2).currencies["USD"].price.unexplained is None
    assert of(*story("b1"), normalized("b2"), held("b2"), batches=2).complete


def test_r2_a_line_that_reads_back_otherwise_is_unexplained_and_named() -> None:
    wrong = done(money=money("posted", amount=KEPT + 1), matches=False, differences=(altered(),))
    got = of(*story()[:3], wrong)
    assert got.currencies["USD"].price.unexplained == -1
    assert [d.line for d in got.unexplained_lines] == ["line_1"]


def test_r2_what_was_received_and_reached_no_batch_is_unexplained() -> None:
    run = a_run(1)
    more = run.received["USD"].model_copy(update={"price": KEPT + DROPPED + 7})
    got = of(*story(), received={"USD": more})
    assert got.currencies["USD"].price.unexplained == 7
    assert got.currencies["USD"].cost.unexplained == 0


def test_r2_rounding_is_the_exact_less_the_rounded() -> None:
    exact, cent = Decimal("30.004"), Decimal("30.00")
    rounding = Entry(outcome="rounding", lines=2, price=exact - cent, cost=Decimal(0))
    facts = [
        normalized(kept_price=exact),
        done(money=(*money("posted", amount=cent), rounding)),
    ]
    run = a_run(1)
    received = run.received["USD"].model_copy(update={"price": exact + DROPPED})
    side = of(*facts, received={"USD": received}).currencies["USD"].price
    assert (side.rounding, side.unexplained) == (Decimal("0.004"), Decimal(0))


def test_money_is_broken_down_by_reason() -> None:
    got = of(*story("b1"), normalized("b2"), held("b2", code="item-gone"), batches=2)
    usd = got.currencies["USD"]
    assert usd.dropped_by == {"drop-zero": DROPPED * 2}
    assert usd.held_by == {"item-gone": KEPT}
    assert usd.excluded_by == usd.refused_by == {}


def test_currencies_are_kept_apart_and_one_without_lines_still_shows() -> None:
    run = a_run(1)
    both = run.received | {"EUR": run.received["USD"]}
    got = of(*story(), received=both)
    assert got.currencies["USD"].price.unexplained == 0
    assert got.currencies["EUR"].price.unexplained == KEPT + DROPPED


def test_facts_of_an_older_revision_are_void() -> None:
    got = of(*story("gone", revision=1), *story("b1", revision=2), revision=2)
    assert got.currencies["USD"].price.unexplained == 0
    assert got.lines["posted"] == 2


def test_a_document_with_a_problem_is_held_whole() -> None:
    got = of(problem="document-changed", batches=0, rows_read=3, rows_promised=3)
    usd = got.currencies["USD"]
    assert usd.held_by == {"document-changed": KEPT + DROPPED}
    assert usd.price.unexplained == 0
    assert got.complete


@pytest.mark.parametrize(
    ("problem", "promised"),
    [("document-incomplete", 3), ("document-unreadable", 3), ("document-changed", 4)],
)
def test_a_document_that_was_not_read_whole_explains_nothing(problem: str, promised: int) -> None:
    got = of(problem=problem, batches=0, rows_read=3, rows_promised=promised)
    assert got.currencies["USD"].price.unexplained is None
    assert not got.complete


def test_entries_of_one_reason_are_added_up_in_a_fixed_order() -> None:
    entries = [*money("posted"), *money("held", "b"), *money("held", "a"), *money("posted")]
    assert merge(entries) == merge(reversed(entries))
    assert [(e.outcome, e.reason, e.price) for e in merge(entries)] == [
        ("held", "a", KEPT),
        ("held", "b", KEPT),
        ("posted", "", KEPT * 2),
    ]
