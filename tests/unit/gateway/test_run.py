"""The run's barriers: each falls when every promised batch has passed, and not a batch before."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.domain.run import Barrier, Counts, Stage, fallen

from .facts import a_run


def barrier(
    stage: Stage, counts: Counts, batches: int | None = 2, *, proposed: bool = False, **run: object
) -> Barrier | None:
    return fallen(a_run(batches, stage=stage, **run), counts, proposed=proposed)


@pytest.mark.parametrize(
    ("stage", "short", "full", "what"),
    [
        (Stage.NORMALIZING, Counts(normalized=1), Counts(normalized=2), Barrier.RESOLVE),
        (Stage.RESOLVING, Counts(normalized=1, resolved=1), Counts(resolved=2), Barrier.PLAN),
        (Stage.RESOLVING, Counts(resolved=1), Counts(resolved=1, held=1), Barrier.PLAN),
        (Stage.PLANNING, Counts(resolved=1, planned=1), Counts(planned=2), Barrier.ASK_PLANS),
        (Stage.PLANNING, Counts(planned=1), Counts(planned=1, held=1), Barrier.ASK_PLANS),
        (Stage.APPLYING, Counts(planned=1, done=1), Counts(done=2), Barrier.END),
    ],
)
def test_a_barrier_falls_with_the_last_batch(
    stage: Stage, short: Counts, full: Counts, what: Barrier
) -> None:
    assert barrier(stage, short, approved=2) is None
    assert barrier(stage, full, approved=2) is what


@pytest.mark.parametrize("stage", list(Stage))
def test_nothing_falls_before_it_is_known_how_many_batches_there_are(stage: Stage) -> None:
    assert barrier(stage, Counts(normalized=9, done=9), batches=None) is None


@pytest.mark.parametrize("stage", [Stage.READING, Stage.MATCHING, Stage.ITEMS, Stage.CREATING,
                                   Stage.PLANNED, Stage.ENDED])  # fmt: skip
def test_these_stages_wait_for_a_fact_or_a_person(stage: Stage) -> None:
    for counts in (Counts(normalized=2), Counts(resolved=2), Counts(planned=2), Counts(done=2)):
        assert barrier(stage, counts) is None


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("batches", [None, 0, 2])
def test_a_run_is_at_a_barrier_exactly_where_counts_can_take_it_further(
    stage: Stage, batches: int | None
) -> None:
    run = a_run(batches, stage=stage, approved=1)
    all_through = [Counts(held=2), Counts(done=2)]
    falls = any(fallen(run, counts, proposed=False) for counts in all_through)
    assert run.at_barrier is falls


def test_a_run_of_held_batches_ends() -> None:
    for stage in (Stage.RESOLVING, Stage.PLANNING, Stage.APPLYING):
        assert barrier(stage, Counts(held=2), approved=1) is Barrier.END


def test_an_empty_document_ends_at_once() -> None:
    assert barrier(Stage.NORMALIZING, Counts(), batches=0) is Barrier.END


@pytest.mark.parametrize(("approve", "automatic"), list(product((False, True), repeat=2)))
def test_items_and_plans_go_on_when_approved_beforehand_or_automatic(
    approve: bool, automatic: bool
) -> None:
    given = {"approve_items": approve, "approve_plans": approve, "automatic": automatic}
    goes_on = approve or automatic
    items = barrier(Stage.RESOLVING, Counts(resolved=2), proposed=True, **given)
    plans = barrier(Stage.PLANNING, Counts(planned=2), **given)
    assert items is (Barrier.CREATE_ITEMS if goes_on else Barrier.ASK_ITEMS)
    assert plans is (Barrier.APPLY if goes_on else Barrier.ASK_PLANS)


def test_when_what_was_approved_is_done_the_rest_waits_for_a_person() -> None:
    assert barrier(Stage.APPLYING, Counts(planned=1, done=1), approved=1) is Barrier.WAIT_REST
    assert barrier(Stage.APPLYING, Counts(planned=2), approved=1) is None
    assert barrier(Stage.APPLYING, Counts(held=1, done=1), approved=1) is Barrier.END


def test_every_batch_passes_each_barrier_in_its_own_time() -> None:
    """However the batches advance, the run asks each thing exactly once, in order."""
    for later in product(("normalized", "resolved", "planned", "done"), repeat=2):
        counts = Counts(**{p: later.count(p) for p in set(later)})
        falls = barrier(Stage.NORMALIZING, counts)
        assert falls is Barrier.RESOLVE
        past = all(p != "normalized" for p in later)
        assert (barrier(Stage.RESOLVING, counts) is Barrier.PLAN) == past
