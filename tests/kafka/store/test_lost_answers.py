"""A write whose answer is lost is answered by what stands in the store, and never wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from chassis.errors import TransientError
from chassis.records import Records
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
