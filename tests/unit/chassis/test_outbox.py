"""Stored and published: both or neither, whatever ends in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from pydantic import BaseModel

from chassis.embedded import EmbeddedStore
from chassis.embedded.log import SLOTS
from chassis.errors import PermanentError, TransientError
from chassis.outbox import Outbox
from chassis.parked import Arrival
from chassis.records import Message
from chassis.service import Service
from chassis.table import Table
from chassis.versions import SettingsVersions
from schemas.settings import Policy, Settings
from support.embedded import record, sent
from support.memory_records import MemoryRecords


class Wire:
    """A bus that keeps what is published, or is away."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.away = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.away:
            raise TransientError("bus-away", "not now")
        self.published += messages

    def mount(self, service: Service) -> None:
        raise NotImplementedError

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Thing(BaseModel):
    name: str


async def test_messages_are_published_once_the_record_stands(system: EmbeddedStore) -> None:
    wire = Wire()
    outbox = Outbox(system.records, wire)
    assert await outbox.insert(replace(record("a"), outgoing=(sent(1), sent(2))))
    assert wire.published == [sent(1), sent(2)]
    assert not await outbox.insert(replace(record("a"), outgoing=(sent(9),)))
    stored = await outbox.get("msp", "things", "a")
    assert stored is not None
    assert await outbox.replace(replace(stored, outgoing=(sent(3),)))
    assert not await outbox.replace(replace(stored, outgoing=(sent(9),)))
    assert wire.published == [sent(1), sent(2), sent(3)]
    assert await system.records.with_outgoing() == []


async def test_what_a_message_refers_to_is_stored_before_it_and_once(
    system: EmbeddedStore,
) -> None:
    wire = Wire()
    outbox = Outbox(system.records, wire)
    wire.away = True
    with pytest.raises(TransientError):
        await outbox.publish(sent(1), [record("a"), record("b")])
    assert await system.records.get("msp", "things", "b") is not None
    wire.away = False
    await outbox.publish(sent(1), [record("a", b"again"), record("b")])
    assert wire.published == [sent(1)]
    stored = await system.records.get("msp", "things", "a")
    assert stored is not None
    assert (stored.version, stored.body) == (1, b"body")


async def test_in_one_file_a_message_and_what_it_refers_to_are_one_commit(
    system: EmbeddedStore,
) -> None:
    before = system.executor.commits
    for _ in range(2):  # who publishes again finds the record there
        await system.outbox.publish(sent(1), [record("a"), record("b")])
    assert system.executor.commits == before + 2
    assert await system.records.get("msp", "things", "b") is not None
    slots = [(sent(1).topic, number) for number in range(SLOTS)]
    found = [arrival for slot in slots for arrival in await system.bus.read("g", slot, 0)]
    assert [arrival.value for arrival in found] == [sent(1).value] * 2


@pytest.mark.parametrize("met_by", ["insert", "replace", "get", "sweep", "delete"])
async def test_whoever_meets_unpublished_messages_publishes_them(
    system: EmbeddedStore, met_by: str
) -> None:
    wire = Wire()
    outbox = Outbox(system.records, wire)
    wire.away = True
    with pytest.raises(TransientError):
        await outbox.insert(replace(record("a"), outgoing=(sent(1),)))
    wire.away = False
    if met_by == "insert":
        assert not await outbox.insert(record("a"))
    elif met_by == "replace":
        assert not await outbox.replace(replace(record("a"), version=7))
    elif met_by == "get":
        met = await outbox.get("msp", "things", "a")
        assert met is not None
        assert met.outgoing == ()
    elif met_by == "delete":
        assert await outbox.delete("msp", "things", "a")
    else:
        assert await outbox.sweep() == 1
    assert wire.published == [sent(1)]
    assert await system.records.with_outgoing() == []


async def test_what_is_published_may_be_cleared_later_and_is_not_published_again() -> None:
    records, wire = MemoryRecords(), Wire()
    outbox = Outbox(records, wire, lazily=True)
    assert await outbox.insert(replace(record("a"), outgoing=(sent(1),)))
    assert len(await records.with_outgoing()) == 1
    met = await outbox.get("msp", "things", "a")
    assert met is not None
    assert met.outgoing == ()
    assert await outbox.sweep() == 0
    assert await outbox.replace(replace(met, outgoing=(sent(2),)))
    assert wire.published == [sent(1), sent(2)]
    await outbox.clear()
    assert len(await records.with_outgoing()) == 1, "it was published just now"
    await outbox.clear()
    assert await records.with_outgoing() == []
    assert wire.published == [sent(1), sent(2)]


async def test_what_a_dead_process_had_published_is_published_again_rather_than_never() -> None:
    records, wire = MemoryRecords(), Wire()
    await Outbox(records, wire, lazily=True).insert(replace(record("a"), outgoing=(sent(1),)))
    assert await Outbox(records, wire, lazily=True).sweep() == 1
    assert wire.published == [sent(1), sent(1)]
    assert await records.with_outgoing() == []


@pytest.mark.parametrize("clears", [True, False])
async def test_what_another_process_wrote_in_its_place_is_published(*, clears: bool) -> None:
    """Deleted and inserted anew, a record has the version of the one before."""
    records, wire = MemoryRecords(), Wire()
    mine, away = Outbox(records, wire, lazily=True), Wire()
    await mine.insert(replace(record("a"), outgoing=(sent(1),)))
    await records.delete("msp", "things", "a")
    away.away = True
    with pytest.raises(TransientError):
        await Outbox(records, away, lazily=True).insert(replace(record("a"), outgoing=(sent(2),)))
    if clears:
        await mine.clear(everything=True)
        assert len(await records.with_outgoing()) == 1, "the other's messages are not ours to clear"
    assert await mine.sweep() == 1
    assert wire.published == [sent(1), sent(2)]


async def test_a_table_keeps_what_its_row_had_not_published(system: EmbeddedStore) -> None:
    things = Table(system.records, "things", Thing)
    assert await things.insert("msp", "a", Thing(name="x"), outgoing=[sent(1)])
    stored = await things.get("msp", "a")
    assert stored is not None
    assert await things.replace(stored, Thing(name="y"), outgoing=[sent(2)])
    wire = Wire()
    assert await Outbox(system.records, wire).sweep() == 1
    assert wire.published == [sent(1), sent(2)]


async def test_a_table_over_the_outbox_publishes_by_itself(system: EmbeddedStore) -> None:
    wire = Wire()
    things = Table(Outbox(system.records, wire), "things", Thing)
    assert await things.insert("msp", "a", Thing(name="x"), tags={"c": "r"}, outgoing=[sent(1)])
    stored = await things.get("msp", "a")
    assert stored is not None
    assert await things.replace(stored, Thing(name="y"), outgoing=[sent(2)])
    assert not await things.replace(stored, Thing(name="z"))
    assert wire.published == [sent(1), sent(2)]
    found = [row async for row in things.every("msp", "c", "r")]
    assert [(row.key, row.value.name, row.tags) for row in found] == [("a", "y", {"c": "r"})]
    assert await things.count("msp", "c", "r") == 1
    assert await things.delete("msp", "a")


async def test_a_settings_version_is_read_as_stored(system: EmbeddedStore) -> None:
    versions = SettingsVersions(system.records)
    settings = Settings(policy=Policy(drop_azure=True))
    version = await versions.store("msp", settings)
    assert await versions.read("msp", version) == settings
    assert await versions.read("msp", version) is await versions.read("msp", version)
    with pytest.raises(PermanentError, match="settings-missing"):
        await versions.read("other", version)


async def test_in_one_file_a_record_and_its_messages_are_one_commit(system: EmbeddedStore) -> None:
    before = system.executor.commits
    assert await system.outbox.insert(replace(record("a"), outgoing=(sent(1),)))
    assert system.executor.commits == before + 1
    stored = await system.records.get("msp", "things", "a")
    assert stored is not None
    assert (stored.version, stored.outgoing) == (1, ())
    assert not await system.outbox.insert(replace(record("a"), outgoing=(sent(8),)))
    assert await system.outbox.replace(replace(stored, outgoing=(sent(2), sent(3))))
    assert not await system.outbox.replace(replace(stored, outgoing=(sent(9),)))
    topic = sent(1).topic
    log = [a.value async for a in every(system, topic)]
    assert log == [sent(1).value, sent(2).value, sent(3).value]


async def every(system: EmbeddedStore, topic: str) -> AsyncIterator[Arrival]:
    """What stands in the log under that topic."""
    for slot in range(SLOTS):
        for arrival in await system.bus.read("reader", (topic, slot), 0):
            yield arrival
