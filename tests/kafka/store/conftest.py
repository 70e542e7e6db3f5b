"""A MongoDB for these tests, without a broker: the one of this run, or one of their own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from chassis.servers.records import MongoRecords
from chassis.servers.settings import ServerSettings
from servers.mongodb import LocalMongo, mongodb
from support.mongodb import Commands, mongo_records, mongo_settings


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    given = os.environ.get("CHARGELINE_MONGODB")
    if given:
        yield given
    else:
        with mongodb() as (uri, _):
            yield uri


@pytest.fixture
def mortal() -> Iterator[LocalMongo]:
    """A server for one test, to be killed in it."""
    server = LocalMongo()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(mongodb_uri: str) -> ServerSettings:
    return mongo_settings(mongodb_uri)


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
async def records(settings: ServerSettings, commands: Commands) -> AsyncIterator[MongoRecords]:
    async with mongo_records(settings, listener=commands) as found:
        yield found
