"""Every implementation of Records that the contract is asked of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.records import Records
from chassis.servers.records import MongoRecords
from servers import Servers
from support.embedded import open_store
from support.served import open_served, settings_from

ON_SERVERS = pytest.param("mongodb", marks=pytest.mark.servers)


@pytest.fixture(params=["embedded thread", "embedded inline", ON_SERVERS])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    if request.param == "mongodb":
        servers: Servers = request.getfixturevalue("served")

        store = open_served(settings_from(servers.environment))
        yield MongoRecords(store.client[store.settings.database], SystemClock())
        await store.stop()
    else:
        embedded = open_store(tmp_path, request.param.split()[1])
        yield embedded.records
        embedded.close()
