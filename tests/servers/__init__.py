"""Real servers for tests: a broker and a store that are started, killed and started again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from servers.kafka import LocalKafka, kafka
from servers.kafka import version as kafka_version
from servers.mongodb import LocalMongo, mongodb
from servers.mongodb import version as mongodb_version

__all__ = ["LocalKafka", "LocalMongo", "Servers", "servers", "versions"]

# Seconds for minutes: what a process waits for when another one dies, or a server is away.
QUICK = {
    "CHARGELINE_PARTITIONS": "4",
    "CHARGELINE_SESSION_TIMEOUT_S": "3",
    "CHARGELINE_HEARTBEAT_S": "0.5",
    "CHARGELINE_REBALANCE_TIMEOUT_S": "6",
    "CHARGELINE_REQUEST_TIMEOUT_S": "5",
    "CHARGELINE_DRAIN_S": "5",
    "CHARGELINE_SWEEP_S": "0.5",
    "CHARGELINE_LEASE_TTL_S": "6",
}


@dataclass(frozen=True)
class Servers:
    """What processes find them by, and they themselves where they may be killed."""

    environment: dict[str, str]
    broker: LocalKafka | None
    store: LocalMongo | None


@contextmanager
def servers() -> Iterator[Servers]:
    """Those that the environment names already, or new ones for as long as this lasts."""
    with ExitStack() as stack:
        address, broker = os.environ.get("CHARGELINE_KAFKA"), None
        if address is None:
            address, broker = stack.enter_context(kafka())
        uri, store = os.environ.get("CHARGELINE_MONGODB"), None
        if uri is None:
            uri, store = stack.enter_context(mongodb())
        found = {"CHARGELINE_KAFKA": address, "CHARGELINE_MONGODB": uri}
        yield Servers(QUICK | found, broker, store)


def versions() -> str:
    """For the record."""
    return f"{kafka_version()} · {mongodb_version()}"
