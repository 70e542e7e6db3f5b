"""What becomes of a webhook: which events an endpoint wants, when one is sent again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.ids import digest

type State = Literal["waiting", "delivered", "failed", "cancelled"]

TEST = "chargeline.test.v1"
GIVE_UP = timedelta(days=3)
WAIT_FIRST_S, WAIT_GROWS, WAIT_MAX_S = 5.0, 4.0, 6 * 3600.0
ATTEMPTS_KEPT = 20
_GONE = 410


class Endpoint(BaseModel):
    """One address of a tenant's that is told of events. No `types` means all of them."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    types: tuple[str, ...] = ()
    enabled: bool = True
    disabled: str = ""  # why, when nobody asked for it
    made_at: datetime
    made_by: str

    def wants(self, kind: str) -> bool:
        """True for an event that is to be sent there."""
        return self.enabled and (not self.types or kind in self.types)


class Attempt(BaseModel):
    """One try. `status` is None when no answer came; `problem` is a code, empty when it arrived."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    duration_ms: int
    status: int | None = None
    problem: str = ""
    answer: str = ""  # how the answer begins, for a person
    retry_after_s: float | None = None


class Delivery(BaseModel):
    """One event for one endpoint. `asked` counts the times that somebody wanted it sent."""

    model_config = ConfigDict(frozen=True)

    id: str
    endpoint: str
    event: str
    type: str
    state: State = "waiting"
    asked: int = 1
    asked_at: datetime
    next_at: datetime | None = None
    tries: int = 0  # since it was asked for
    attempts: tuple[Attempt, ...] = ()  # the last ones

    def asked_again(self, now: datetime) -> Delivery:
        """Somebody wants it sent, whatever has become of it."""
        anew = {"asked": self.asked + 1, "asked_at": now, "tries": 0, "next_at": None}
        return self.model_copy(update={"state": "waiting", **anew})

    def ended(self, state: State) -> Delivery:
        """Nothing more is tried."""
        return self.model_copy(update={"state": state, "next_at": None})

    def after(self, attempt: Attempt) -> Delivery:
        """Delivered, to be tried again at `next_at`, or given up."""
        kept = (*self.attempts, attempt)[-ATTEMPTS_KEPT:]
        now = self.model_copy(update={"attempts": kept, "tries": self.tries + 1})
        if not attempt.problem:
            return now.ended("delivered")
        next_at = attempt.at + timedelta(seconds=_wait_s(now, attempt.retry_after_s))
        if attempt.status == _GONE or next_at - self.asked_at > GIVE_UP:
            return now.ended("failed")
        return now.model_copy(update={"next_at": next_at})


def is_gone(attempt: Attempt) -> bool:
    """The endpoint says that it is to be told nothing any more."""
    return attempt.status == _GONE


def _wait_s(delivery: Delivery, asked_s: float | None) -> float:
    """Four times longer each time; half of it is spread by what is delivered and how often."""
    grown_s = min(WAIT_FIRST_S * WAIT_GROWS ** min(delivery.tries - 1, 20), WAIT_MAX_S)
    share = int(digest("wait", delivery.id, str(delivery.tries))[:8], 16) / 0x1_0000_0000
    return max(grown_s * (0.5 + share / 2), asked_s or 0.0)
