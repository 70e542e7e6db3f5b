"""How long jobs wait, how often they try, and how long a lease lasts: all of it settings."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.errors import TransientError, UnknownOutcome

WAIT_MIN_S = 0.01
_DOUBLINGS_MAX = 30


@dataclass(frozen=True)
class RunnerSettings:
    """Times and limits; tests use seconds for minutes.

    `take_over`: this process is the store's only owner (folder lock), so leases of others are those
    of the dead, and a job of a kind nobody here runs is nobody's.
    """

    ttl_s: float = 120.0  # nine tenths exceed the longest vendor write plus its settle time
    settle_s: float = 60.0
    wait_first_s: float = 1.0
    wait_max_s: float = 300.0
    tries_max: int = 100
    tries_max_by_kind: Mapping[str, int] = field(default_factory=dict)
    sweep_s: float = 5.0
    drain_s: float = 10.0
    take_over: bool = False

    def may_try(self, kind: str, tries: int) -> bool:
        """Whether a job that has failed to get on so often, and now once more, may try again."""
        return tries + 1 < self.tries_max_by_kind.get(kind, self.tries_max)

    def wait_s(
        self, error: TransientError | UnknownOutcome, tries: int, rng: random.Random
    ) -> float:
        """What the other side asked for, the settle time, or a wait that grows; with jitter."""
        asked_s = error.retry_after_s if isinstance(error, TransientError) else self.settle_s
        if asked_s is None:
            return self.backoff_s(tries, rng)
        least_s = min(WAIT_MIN_S * 2.0 ** min(tries, _DOUBLINGS_MAX), self.wait_max_s)
        return max(asked_s, least_s) * rng.uniform(1.0, 1.1)

    def backoff_s(self, tries: int, rng: random.Random) -> float:
        """A wait that doubles up to its limit; half of it is drawn, so that a crowd spreads."""
        grown_s = self.wait_first_s * 2.0 ** min(tries, _DOUBLINGS_MAX)
        return min(grown_s, self.wait_max_s) * rng.uniform(0.5, 1.0)
