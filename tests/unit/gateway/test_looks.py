"""One look for all facts that are being stored; none is answered for by an earlier one."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import TransientError
from gateway.looks import Looks


class Store:
    """Facts stored, and what each look found of them."""

    def __init__(self) -> None:
        self.facts: list[str] = []
        self.found: list[list[str]] = []
        self.away = False
        self.begun = asyncio.Event()
        self.looks = Looks(self.look)

    async def look(self, _tenant: str, _run: str) -> None:
        if self.away:
            raise TransientError("store-away", "not now")
        self.found.append(sorted(self.facts))
        self.begun.set()
        await asyncio.sleep(0)

    async def take(self, fact: str, run: str = "r", turns: int = 0) -> None:
        async with self.looks.after("msp", run):
            for _ in range(turns):
                await asyncio.sleep(0)
            self.facts.append(fact)


async def test_facts_stored_side_by_side_share_the_look_after_the_last() -> None:
    store = Store()
    await asyncio.gather(*(store.take(fact, turns=n) for n, fact in enumerate("abc", 1)))
    assert store.found == [["a", "b", "c"]]


async def test_a_fact_that_comes_during_a_look_gets_one_of_its_own() -> None:
    store = Store()
    first = asyncio.create_task(store.take("a"))
    await store.begun.wait()
    await store.take("b")
    await first
    assert store.found == [["a"], ["a", "b"]]


async def test_runs_wait_for_none_but_their_own_facts() -> None:
    store = Store()
    slow = asyncio.create_task(store.take("a", "slow", turns=1000))
    await asyncio.sleep(0)
    await store.take("b", "quick")
    assert store.found == [["b"]]
    await slow


async def test_a_look_that_fails_fails_every_fact_that_asked() -> None:
    store = Store()
    store.away = True
    ended = await asyncio.gather(store.take("a", turns=2), store.take("b"), return_exceptions=True)
    assert [type(one) for one in ended] == [TransientError, TransientError]


async def test_a_fact_that_is_not_stored_leaves_the_look_to_the_others() -> None:
    store = Store()

    async def fails() -> None:
        async with store.looks.after("msp", "r"):
            for _ in range(5):
                await asyncio.sleep(0)
            raise TransientError("store-away", "not now")

    ended = await asyncio.gather(store.take("a"), fails(), return_exceptions=True)
    assert ended[0] is None
    assert isinstance(ended[1], TransientError)
    assert store.found == [["a"]]
    with pytest.raises(TransientError):
        await fails()
    assert store.found == [["a"]], "nobody asked"
