"""Every implementation of Records that the contract is asked of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.records import Records
from servers import Servers
from support.embedded import open_store
from support.memory_records import MemoryRecords
from support.mongodb import Commands, mongo_records, mongo_settings

ON_SERVERS = pytest.param("mongodb", marks=pytest.mark.servers)


@pytest.fixture(params=["embedded thread", "embedded inline", "memory", ON_SERVERS])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    """MongoDB is asked for nothing but the commands that are listed."""
    if request.param == "memory":
        yield MemoryRecords()
    elif request.param == "mongodb":
        served: Servers = request.getfixturevalue("served")
        commands = Commands()
        settings = mongo_settings(served.environment["CHARGELINE_MONGODB"])
        async with mongo_records(settings, listener=commands) as found:
            yield found
        commands.are_known()
    else:
        embedded = open_store(tmp_path, request.param.split()[1])
        yield embedded.records
        embedded.close()
