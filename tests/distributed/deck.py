"""What befalls processes, servers and network in one history: dealt from a shuffled deck.

Independent draws may leave one out for a whole run; a deck has every one, and its order is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from distributed.cluster import SERVICES
from servers.toxiproxy import KINDS

WAYS = ("kafka", "mongodb", "vendors")
SERVERS = ("broker", "store")


@dataclass(frozen=True)
class Card:
    """`kind`: of a fault on the way `whom`."""

    what: Literal["kill", "roll", "restart", "network"]
    whom: str
    kind: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.what, self.whom, self.kind)))


def shuffled(rng: Random, kills: int, servers: Sequence[str], ways: Sequence[str]) -> list[Card]:
    """Kills go round the services; a roll of each, a restart of each server, each fault on each
    way."""
    more = rng.sample(SERVICES, kills % len(SERVICES))
    killed = [*SERVICES * (kills // len(SERVICES)), *more]
    cards = [Card("kill", service) for service in killed]
    cards += [Card("roll", service) for service in SERVICES]
    cards += [Card("restart", server) for server in servers]
    cards += [Card("network", way, kind) for way in ways for kind in KINDS]
    rng.shuffle(cards)
    return cards


def missing(happened: Counter[str], servers: Sequence[str], ways: Sequence[str]) -> list[str]:
    """What has to happen at least once in every run, and has not."""
    by_service = [f"{what} {name}" for what in ("kill", "roll", "rebalance") for name in SERVICES]
    by_server = [f"restart {server}" for server in servers]
    wanted = by_service + by_server + [f"network {way}" for way in ways]
    return [name for name in wanted if not total(happened, name)]


def total(happened: Counter[str], prefix: str) -> int:
    """How often anything of that name happened: `kill`, or `network kafka`."""
    return sum(n for what, n in happened.items() if f"{what} ".startswith(f"{prefix} "))
