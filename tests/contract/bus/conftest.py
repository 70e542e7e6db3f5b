"""Every implementation of the bus that the contract is asked of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chassis.store import Store
from servers import Servers
from support.embedded import Sent, open_store
from support.served import open_served, prepare, settings_from

Open = Callable[[], Store]
ON_SERVERS = pytest.param("kafka", marks=pytest.mark.servers)


@pytest.fixture(params=["embedded thread", "embedded inline", ON_SERVERS])
async def open_system(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the system on the same data every time: close it before opening it again."""
    opened: list[Store] = []
    if request.param == "kafka":
        servers: Servers = request.getfixturevalue("served")
        settings = settings_from(servers.environment)
        await prepare(settings, Sent.topic)

        def open_again() -> Store:
            opened.append(open_served(settings))
            return opened[-1]
    else:

        def open_again() -> Store:
            opened.append(open_store(tmp_path, request.param.split()[1]))
            return opened[-1]

    yield open_again
    for store in opened:
        await store.stop()
        store.close()
