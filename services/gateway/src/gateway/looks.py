"""One look at a run's barriers for all facts about it that are being stored at the same time.

A look costs as much as storing several facts. Every fact is answered for by a look that began when
it was stored, and the last of those at hand begins it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

type _Run = tuple[str, str]  # tenant and run


class Looks:
    """`look(tenant, run)` acts on every barrier that has fallen."""

    def __init__(self, look: Callable[[str, str], Awaitable[None]]) -> None:
        self._look = look
        self._storing: Counter[_Run] = Counter()
        self._asked: dict[_Run, asyncio.Future[None]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def after(self, tenant: str, run: str) -> AsyncIterator[None]:
        """Store a fact inside; on leaving, the look after it has ended. Its failure is raised.

        Who waits for the look stores nothing meanwhile, so there comes a last one.
        """
        key = (tenant, run)
        self._storing[key] += 1
        try:
            yield
            asked = self._asked.get(key)
            if asked is None:
                asked = self._asked[key] = asyncio.get_running_loop().create_future()
        finally:
            self._storing[key] -= 1
            if not self._storing[key]:
                del self._storing[key]
                self._begin(key)
        await asyncio.shield(asked)

    def _begin(self, key: _Run) -> None:
        asked = self._asked.pop(key, None)
        if asked is not None:
            task = asyncio.create_task(self._answer(key, asked))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _answer(self, key: _Run, asked: asyncio.Future[None]) -> None:
        try:
            await self._look(*key)
        except Exception as error:  # noqa: BLE001 - delivery answers it, for each fact that asked
            asked.set_exception(error)
            asked.exception()  # also if nobody waits any more
        else:
            asked.set_result(None)
