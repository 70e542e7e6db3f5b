"""What a parked message is about, and what of it is public."""

from __future__ import annotations

import json

import pytest

from gateway.domain.projection import ParkedBatch, Projection
from gateway.events import about_batch
from gateway.handlers import batch_in
from schemas import frame
from schemas.messages import BatchHead

from .facts import done, held, normalized, planned, refused, resolved, undone

BEFORE = Projection(run="run", batch="b1").take(normalized()).take(planned())


def notice(fact: BatchHead, **changes: object) -> ParkedBatch:
    """As the gateway makes it of the parked bytes."""
    told = {**fact.model_dump(mode="json"), **changes}
    found = batch_in(frame.encode(json.dumps(told).encode()))
    assert found is not None
    return ParkedBatch(**found, code="bug")


@pytest.mark.parametrize(
    ("fact", "answers"),
    [
        (normalized(), ""),
        (resolved(), ""),
        (held(), ""),
        (planned(), ""),
        (done(), "apply"),
        (undone(), "undo"),
        (refused(command="plan"), ""),
        (refused(command="apply"), "apply"),
        (refused(command="undo"), "undo"),
    ],
)
def test_a_notice_says_what_the_parked_message_answers(fact: BatchHead, answers: str) -> None:
    assert notice(fact).answers == answers


@pytest.mark.parametrize("command", [None, 7, ["apply"], "settle"])
def test_what_nobody_can_read_is_told_all_the_same(command: object) -> None:
    assert notice(refused(), command=command).answers == ""
    assert notice(resolved(), command="apply").answers == ""


def test_nothing_is_public_of_an_undo_before_its_answer_or_of_what_has_come() -> None:
    assert len(about_batch(notice(done()), BEFORE)) == 1
    assert about_batch(notice(done()), BEFORE.take(done())) == ()
    assert about_batch(notice(undone()), BEFORE.take(done())) == ()
