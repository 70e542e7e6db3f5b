"""A write whose answer is lost is answered by what stands in the store, and never wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from chassis.errors import PermanentError, TransientError
from chassis.records import Records
from chassis.servers.grouped import Change
from chassis.servers.records import MongoRecords
from chassis.servers.settings import ServerSettings
from servers.mongodb import LocalMongo
from support.embedded import record
from support.mongodb import LosingProxy, mongo_records, mongo_settings

pytestmark = pytest.mark.servers
ONCE, ALWAYS = 1, 1_000_000


@pytest.fixture
async def proxy(mongodb_uri: str) -> AsyncIterator[LosingProxy]:
    async with LosingProxy(mongodb_uri) as proxy:
        yield proxy


@pytest.fixture
async def far(settings: ServerSettings, proxy: LosingProxy) -> AsyncIterator[Records]:
    """Records behind the proxy; the limit is short, for losses do not end by themselves."""
    behind = settings.model_copy(update={"mongodb": proxy.uri, "request_timeout_s": 1.0})
    async with mongo_records(behind) as found:
        yield found


@pytest.mark.parametrize("times", [ONCE, ALWAYS])
async def test_an_insert_that_took_place_is_no_false_no(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    proxy.loses["insert"] = times
    assert await far.insert(record("a", b"mine"))
    assert proxy.lost["insert"] >= 1
    assert await far.get("msp", "things", "a") == replace(record("a", b"mine"), version=1)


@pytest.mark.parametrize("times", [ONCE, ALWAYS])
async def test_an_insert_that_came_second_is_no_false_yes(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    assert await far.insert(record("a", b"theirs"))
    proxy.loses["insert"] = times
    assert not await far.insert(record("a", b"mine"))
    assert proxy.lost["insert"] >= 1
    found = await far.get("msp", "things", "a")
    assert found is not None
    assert found.body == b"theirs"


@pytest.mark.parametrize("times", [ONCE, ALWAYS])
async def test_a_replace_that_took_place_took_place_once(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    await far.insert(record("a", b"one"))
    proxy.loses["update"] = times
    assert await far.replace(replace(record("a", b"two"), version=1))
    assert proxy.lost["update"] >= 1
    assert await far.get("msp", "things", "a") == replace(record("a", b"two"), version=2)


@pytest.mark.parametrize("times", [ONCE, ALWAYS])
async def test_a_replace_that_came_second_is_told_so(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    await far.insert(record("a", b"one"))
    await far.replace(replace(record("a", b"theirs"), version=1))
    proxy.loses["update"] = times
    assert not await far.replace(replace(record("a", b"mine"), version=1))
    found = await far.get("msp", "things", "a")
    assert found is not None
    assert (found.version, found.body) == (2, b"theirs")


async def test_a_delete_that_took_place_is_told_so(far: Records, proxy: LosingProxy) -> None:
    await far.insert(record("a"))
    proxy.loses["delete"] = ALWAYS
    assert await far.delete("msp", "things", "a")
    assert proxy.lost["delete"] >= 1
    assert await far.get("msp", "things", "a") is None


async def test_an_insert_that_somebody_has_replaced_since_was_still_ours(
    far: Records, proxy: LosingProxy, settings: ServerSettings
) -> None:
    async with mongo_records(settings, prepared=False) as near:

        async def replaced() -> None:
            await near.replace(replace(record("a", b"next"), version=1))

        proxy.on_loss = replaced
        proxy.loses["insert"] = ALWAYS
        assert await far.insert(record("a", b"mine"))


async def test_a_replace_that_somebody_has_replaced_since_is_not_guessed(
    far: Records, proxy: LosingProxy, settings: ServerSettings
) -> None:
    await far.insert(record("a", b"one"))
    async with mongo_records(settings, prepared=False) as near:

        async def replaced() -> None:
            await near.replace(replace(record("a", b"next"), version=2))

        proxy.on_loss = replaced
        proxy.loses["update"] = ALWAYS
        with pytest.raises(TransientError):
            await far.replace(replace(record("a", b"mine"), version=1))


async def test_a_write_that_can_not_be_looked_for_is_neither_yes_nor_no(
    far: Records, proxy: LosingProxy
) -> None:
    proxy.loses.update({"insert": ALWAYS, "find": ALWAYS})
    with pytest.raises(TransientError) as unknown:
        await far.insert(record("a"))
    assert unknown.value.code == "store-away"
    proxy.loses.clear()
    assert not await far.insert(record("a")), "it was there after all, as after a crash"


async def test_a_server_that_has_forgotten_the_first_try_makes_no_false_no(
    mortal: LocalMongo,
) -> None:
    """It dies between write and answer: the driver's second try meets the first one's work."""

    async def died() -> None:
        mortal.kill()
        await asyncio.to_thread(mortal.restart)

    async with LosingProxy(mortal.address) as proxy:
        settings = mongo_settings(proxy.uri, request_timeout_s=10.0)
        async with mongo_records(settings) as far:
            proxy.on_loss = died
            proxy.loses["insert"] = ONCE
            assert await far.insert(record("a", b"one"))
            proxy.loses["update"] = ONCE
            assert await far.replace(replace(record("a", b"two"), version=1))
            assert proxy.lost == {"insert": 1, "update": 1}
            assert await far.get("msp", "things", "a") == replace(record("a", b"two"), version=2)


async def bodies(records: Records, keys: str) -> list[bytes | None]:
    """What stands under each."""
    stored = await asyncio.gather(*(records.get("msp", "things", key) for key in keys))
    return [None if one is None else one.body for one in stored]


def whose(done: list[bool]) -> list[bytes]:
    """What must stand where writes said that."""
    return [b"mine" if mine else b"theirs" for mine in done]


@pytest.mark.parametrize("times", [0, ONCE, ALWAYS])
async def test_of_many_inserts_at_once_each_is_told_the_truth(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    for key in ("b", "d"):
        assert await far.insert(record(key, b"theirs"))
    proxy.loses["insert"] = times
    mine = [record(key, b"mine") for key in "abcdef"]
    done = await asyncio.gather(*(far.insert(one) for one in mine))
    assert done == [True, False, True, False, True, True]
    proxy.loses["insert"] = 0
    assert await bodies(far, "abcdefg") == [*whose(done), None]


@pytest.mark.parametrize("times", [0, ONCE, ALWAYS])
async def test_of_many_replaces_at_once_each_is_told_the_truth(
    far: Records, proxy: LosingProxy, times: int
) -> None:
    for key in "abcdef":
        await far.insert(record(key, b"one"))
    await far.replace(replace(record("b", b"theirs"), version=1))
    proxy.loses["update"] = times
    mine = [replace(record(key, b"mine"), version=1) for key in "abcdef"]
    done = await asyncio.gather(*(far.replace(one) for one in mine))
    assert done == [True, False, True, True, True, True]
    proxy.loses["update"] = 0
    assert await bodies(far, "abcdef") == whose(done)


async def test_a_record_that_is_too_large_fails_by_itself(records: Records) -> None:
    sizes = (10, 17 * 1024 * 1024, 20)
    tries = [record(f"{n}", bytes(size)) for n, size in enumerate(sizes)]
    done = await asyncio.gather(*(records.insert(one) for one in tries), return_exceptions=True)
    assert [done[0], done[2]] == [True, True]
    assert isinstance(done[1], PermanentError)
    assert done[1].code == "record-too-large"


async def test_a_replace_that_may_have_been_ours_and_was_replaced_since_is_not_guessed(
    records: Records,
) -> None:
    """Of two sent together one missed its record; the other's was replaced before we could look."""
    assert isinstance(records, MongoRecords)
    await records.insert(record("a"))
    grouped = records._of("things")
    command = grouped._cleared

    async def overtaken(changes: Sequence[Change]) -> Sequence[bool | Exception | None]:
        answers = await command(changes)
        await records._database["things"].update_one(
            {"_id": "msp\ta"}, {"$inc": {"version": 1}, "$set": {"write": b"theirs"}}
        )
        return answers

    grouped._cleared = overtaken  # type: ignore[method-assign]
    tries = [replace(record(key, b"mine"), version=1) for key in ("a", "none")]
    done = await asyncio.gather(*(records.replace(one) for one in tries), return_exceptions=True)
    assert isinstance(done[0], TransientError)
    assert done[0].code == "store-contended"
    assert done[1] is False


async def test_a_record_that_can_not_be_written_keeps_nobody_waiting(records: Records) -> None:
    keys = ("a", "half a character \ud800", "b")
    tries = [records.insert(record(key)) for key in keys]
    async with asyncio.timeout(10):
        done = await asyncio.gather(*tries, return_exceptions=True)
    assert [done[0], done[2]] == [True, True]
    assert isinstance(done[1], UnicodeEncodeError)
