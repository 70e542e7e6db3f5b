"""kill -9 of the store under concurrent writers: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import replace

import pytest
from pymongo.asynchronous.mongo_client import AsyncMongoClient
from pymongo.errors import PyMongoError

from chassis.errors import TransientError
from chassis.records import Records
from servers.mongodb import LocalMongo
from support.embedded import record
from support.mongodb import mongo_records, mongo_settings

pytestmark = pytest.mark.servers
WRITERS, SECONDS, KILLS_MAX = 8, 0.7, 8


async def write(records: Records, writer: int, acknowledged: dict[str, int]) -> None:
    """Inserts and replaces until the store has gone; the versions that it has acknowledged."""
    number = 0
    with contextlib.suppress(TransientError):
        while True:
            key = f"{writer}-{number}"
            assert await records.insert(record(key))
            acknowledged[key] = 1
            assert await records.replace(replace(record(key), version=1))
            acknowledged[key] = 2
            number += 1


async def test_a_killed_store_has_every_write_that_it_acknowledged(mortal: LocalMongo) -> None:
    acknowledged: dict[str, int] = {}
    settings = mongo_settings(mortal.address, request_timeout_s=1.0)
    async with mongo_records(settings) as records:
        writers = [asyncio.create_task(write(records, n, acknowledged)) for n in range(WRITERS)]
        await asyncio.sleep(SECONDS)
        mortal.kill()
        await asyncio.gather(*writers)
        mortal.restart()
        found = {key: await records.get("msp", "things", key) for key in acknowledged}
    lost = [k for k, r in found.items() if r is None or r.version < acknowledged[k]]
    print(f"kills=1 acknowledged={sum(acknowledged.values())} lost={len(lost)}")
    assert sum(acknowledged.values()) > WRITERS, "it was killed at work"
    assert lost == []


async def test_without_the_journal_such_kills_lose_acknowledged_writes(
    mortal: LocalMongo,
) -> None:
    """The counter-proof: the test above can see a loss, and what keeps it from one is `j`."""
    for kills in range(1, KILLS_MAX + 1):
        acknowledged, there = await killed_without_journal(mortal, f"kill-{kills}")
        lost = acknowledged - there
        print(f"kills={kills} acknowledged={len(acknowledged)} lost={len(lost)} without j")
        if lost:
            return
    pytest.fail(f"{KILLS_MAX} kills lost nothing: this server keeps more than it is asked to")


async def killed_without_journal(mortal: LocalMongo, name: str) -> tuple[set[str], set[str]]:
    """What was acknowledged, and what is there after the kill."""
    acknowledged: set[str] = set()
    async with AsyncMongoClient[dict[str, str]](mortal.address, w="majority", timeoutMS=1000) as c:
        things = c["unjournalled"][name]

        async def insert(writer: int) -> None:
            with contextlib.suppress(PyMongoError):
                for number in itertools.count():
                    await things.insert_one({"_id": f"{writer}-{number}"})
                    acknowledged.add(f"{writer}-{number}")

        writers = [asyncio.create_task(insert(n)) for n in range(WRITERS)]
        await asyncio.sleep(SECONDS)
        mortal.kill()
        await asyncio.gather(*writers)
        mortal.restart()
        return acknowledged, {str(document["_id"]) async for document in things.find()}
