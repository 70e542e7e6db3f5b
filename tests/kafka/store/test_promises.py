"""What the store asks MongoDB for: durable writes, durable reads, indexes, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chassis.errors import PermanentError, TransientError
from chassis.records import Message, Record
from chassis.servers import indexes
from chassis.servers.client import open_client
from chassis.servers.records import MongoRecords
from chassis.servers.settings import ServerSettings
from servers.mongodb import LocalMongo
from support.embedded import record
from support.mongodb import WRITES, Commands, mongo_records, mongo_settings

pytestmark = pytest.mark.servers
MIB = 1024 * 1024


async def everything(records: MongoRecords) -> None:
    """Every call that the contract has."""
    held = replace(record("a", colour="red"), outgoing=(Message("t", "k", b"1"),))
    assert await records.insert(held)
    assert not await records.insert(held)
    assert len(await records.with_outgoing()) == 1
    assert await records.replace(replace(record("a", colour="blue"), version=1))
    assert not await records.replace(replace(record("a"), version=1))
    for number in range(150):
        await records.insert(record(f"{number:03}", b"x" * 200_000, colour="red"))
    assert len(await records.find("msp", "things", "colour", "red", limit=140)) == 140
    assert len(await records.sweep("things", "colour", "blue")) == 1
    assert await records.count("msp", "things", "colour", "red") == 150
    assert await records.delete("msp", "things", "a")
    assert await records.get("msp", "things", "a") is None


async def test_the_client_waits_for_the_journals_of_a_majority(settings: ServerSettings) -> None:
    client = open_client(settings)
    collection = client[settings.database]["things"]
    assert collection.write_concern.document == {"w": "majority", "j": True}
    assert collection.read_concern.document == {"level": "majority"}
    assert client.options.retry_writes
    assert client.options.timeout == settings.request_timeout_s
    await client.close()


async def test_every_command_says_so_and_no_other_command_is_used(
    settings: ServerSettings, records: MongoRecords, commands: Commands
) -> None:
    await everything(records)
    one_by_one = {"insert", "update", "delete", "find"}
    assert set(commands.names) == one_by_one | {"getMore", "aggregate", "listCollections"}
    for name, command in commands.sent:
        if name in WRITES:
            assert command["writeConcern"] == {"w": "majority", "j": True}, name
            assert "txnNumber" in command, f"{name} is not tried again by the driver"
        if name in ("find", "aggregate"):
            assert command["readConcern"]["level"] == "majority", name
        assert "startTransaction" not in command, f"{name} opens a transaction"
    commands.are_known()


async def test_indexes_are_made_once(settings: ServerSettings) -> None:
    made = await indexes.apply(settings)
    assert len(made) == sum(len(indexes.declared(name)) for name in indexes.COLLECTIONS)
    assert {"projections.by_tag", "projections.held", "charges.held", "pages.by_tag"} < set(made)
    assert not {"charges.by_tag", "pages.held"} & set(made)
    assert await indexes.apply(settings) == []


async def test_every_search_goes_through_an_index(
    settings: ServerSettings, records: MongoRecords, commands: Commands
) -> None:
    """What the server examines grows with what is found, not with what is there."""
    for number in range(200):
        tags = {"number": f"{number % 20}", "parity": f"{number % 2}"}
        tenant = "msp" if number < 100 else "other"
        await records.insert(Record(tenant, "things", f"{number:03}", 0, b"", tags))
    for number in range(3):
        held = replace(record(f"held-{number}"), outgoing=(Message("t", "k", b"1"),))
        await records.insert(held)
    commands.sent.clear()
    assert len(await records.find("msp", "things", "number", "7", after="050")) == 2
    assert len(await records.sweep("things", "number", "7", after="msp/050")) == 7
    assert await records.count("msp", "things", "number", "7") == 5
    assert len(await records.with_outgoing()) == 3
    client = open_client(settings)
    explained = {}
    for name, command in commands.sent:
        if name in ("find", "aggregate") and "things" in (command[name], command.get("aggregate")):
            told = await client[settings.database].command(
                "explain", asked_for(name, command), verbosity="executionStats"
            )
            where = str(command.get("filter") or command["pipeline"])
            explained[where] = told
    await client.close()
    assert len(explained) == 4, "find, sweep, count and with_outgoing"
    for where, told in explained.items():
        plan = str(told)
        assert "COLLSCAN" not in plan, where
        index = indexes.HELD if "held" in where else indexes.BY_TAG
        assert f"'indexName': '{index}'" in plan, where
        if "executionStats" in told:
            assert told["executionStats"]["totalDocsExamined"] <= 7, where


def asked_for(name: str, command: dict[str, Any]) -> dict[str, Any]:
    """The command without what belongs to its session."""
    said = {"filter", "sort", "limit", "pipeline", "cursor"}
    return {name: command[name]} | {k: v for k, v in command.items() if k in said}


async def test_a_record_over_the_limit_is_refused_and_nothing_is_written(
    records: MongoRecords,
) -> None:
    assert await records.insert(record("large", bytes(15 * MIB)))
    for size in (16 * MIB - 8, 16 * MIB, 17 * MIB):
        with pytest.raises(PermanentError) as refused:
            await records.insert(record("larger", bytes(size)))
        assert refused.value.code == "record-too-large"
        with pytest.raises(PermanentError) as refused:
            await records.replace(replace(record("large", bytes(size)), version=1))
        assert refused.value.code == "record-too-large"
    assert await records.get("msp", "things", "larger") is None
    stored = await records.get("msp", "things", "large")
    assert stored is not None
    assert (stored.version, len(stored.body)) == (1, 15 * MIB)


async def test_messages_of_a_living_process_are_left_to_it_for_a_while(
    settings: ServerSettings, records: MongoRecords
) -> None:
    held = replace(record("a"), outgoing=(Message("t", "k", b"1"),))
    await records.insert(held)
    client = open_client(settings)
    others = MongoRecords(client[settings.database], records._clock, held_s=60)
    assert await others.with_outgoing() == []
    await client.close()


async def test_a_store_that_is_away_is_waited_for(mortal: LocalMongo) -> None:
    settings = mongo_settings(mortal.address, request_timeout_s=0.5)
    async with mongo_records(settings) as records:
        await records.insert(record("a", colour="red"))
        mortal.kill()
        for call in (
            records.get("msp", "things", "a"),
            records.insert(record("b")),
            records.replace(replace(record("a"), version=1)),
            records.delete("msp", "things", "a"),
            records.find("msp", "things", "colour", "red"),
            records.count("msp", "things", "colour", "red"),
            records.sweep("things", "colour", "red"),
            records.with_outgoing(),
        ):
            with pytest.raises(TransientError) as away:
                await call
            assert away.value.code == "store-away"
        mortal.restart()
        assert await records.get("msp", "things", "a") is not None
    with pytest.raises(TransientError):
        await records.get("msp", "things", "a")
