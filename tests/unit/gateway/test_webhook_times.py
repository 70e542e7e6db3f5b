"""When a webhook is sent again, and when nobody tries any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from gateway.domain.webhooks import (
    ATTEMPTS_KEPT,
    GIVE_UP,
    WAIT_MAX_S,
    Attempt,
    Delivery,
    Endpoint,
)

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def delivery(number: int = 1) -> Delivery:
    event = f"event_{number}"
    return Delivery(id=f"w-{event}", endpoint="w", event=event, type="t", asked_at=NOW)


def tried(at: datetime, status: int | None = 500, retry_after_s: float | None = None) -> Attempt:
    problem = "" if status and 200 <= status < 300 else "webhook-refused"
    return Attempt(
        at=at, duration_ms=3, status=status, problem=problem, retry_after_s=retry_after_s
    )


def failing(one: Delivery) -> list[Delivery]:
    """As it stands after each attempt, until nobody tries any more."""
    seen = [one]
    while seen[-1].state == "waiting":
        seen.append(seen[-1].after(tried(seen[-1].next_at or NOW)))
    return seen


def test_an_answer_of_2xx_is_the_end() -> None:
    done = delivery().after(tried(NOW, 204))
    assert (done.state, done.next_at, len(done.attempts)) == ("delivered", None, 1)


def test_waits_grow_and_end_after_three_days() -> None:
    seen = failing(delivery())
    times = [d.next_at for d in seen if d.next_at is not None]
    gaps = [(b - a).total_seconds() for a, b in pairwise([NOW, *times])]
    assert seen[-1].state == "failed"
    assert 2.5 <= gaps[0] <= 5
    assert all(gap <= WAIT_MAX_S for gap in gaps)
    assert gaps[:5] == sorted(gaps[:5])
    assert GIVE_UP - timedelta(hours=6) < times[-1] - NOW <= GIVE_UP
    assert len(seen[-1].attempts) <= ATTEMPTS_KEPT


def test_deliveries_that_fail_together_do_not_come_again_together() -> None:
    firsts = {delivery(n).after(tried(NOW)).next_at for n in range(20)}
    assert len(firsts) == 20


@pytest.mark.parametrize(("asked_s", "state"), [(600.0, "waiting"), (90 * 86400.0, "failed")])
def test_what_the_receiver_asks_for_is_honoured_within_the_days(asked_s: float, state: str) -> None:
    after = delivery().after(tried(NOW, 503, asked_s))
    assert after.state == state
    if state == "waiting":
        assert after.next_at == NOW + timedelta(seconds=asked_s)


def test_a_receiver_that_is_gone_is_tried_no_more() -> None:
    assert delivery().after(tried(NOW, 410)).state == "failed"


def test_asked_for_again_it_has_all_its_days_anew() -> None:
    failed = failing(delivery())[-1]
    later = NOW + timedelta(days=10)
    again = failed.asked_again(later)
    assert (again.state, again.tries, again.asked) == ("waiting", 0, 2)
    assert again.after(tried(later)).state == "waiting"


def test_an_endpoint_gets_what_it_wants_while_it_is_on() -> None:
    one = Endpoint(id="w", url="https://a.example/", made_at=NOW, made_by="test")
    assert one.wants("chargeline.run.ended.v1"), "no types are all types"
    some = one.model_copy(update={"types": ("chargeline.run.ended.v1",)})
    assert some.wants("chargeline.run.ended.v1")
    assert not some.wants("chargeline.posting.done.v1")
    assert not one.model_copy(update={"enabled": False}).wants("chargeline.run.ended.v1")
