"""A namespace of its own for each test, on the servers of this run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from kafka.bus.journal import Journal, Replica, Start
from servers import Servers
from support.embedded import Sent
from support.served import open_served, prepare, settings_from


@pytest.fixture
async def settings(served: Servers) -> ServerSettings:
    """With topics and indexes there."""
    settings = settings_from(served.environment)
    await prepare(settings, Sent.topic)
    return settings


@pytest.fixture
async def store(settings: ServerSettings) -> AsyncIterator[ServerStore]:
    """Not started yet; stopped at the end."""
    store = open_served(settings)
    yield store
    await store.stop()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def start(settings: ServerSettings, journal: Journal) -> Iterator[Start]:
    """Starts replicas; none is left behind."""
    started: list[Replica] = []

    def start(takes_s: float, *, blocks: bool = False, **changes: float) -> Replica:
        own = ServerSettings.model_validate(settings.model_dump() | changes)
        started.append(Replica(own, journal, takes_s, "blocks" if blocks else ""))
        return started[-1]

    yield start
    for replica in started:
        replica.kill()
