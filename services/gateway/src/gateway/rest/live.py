"""Events as they happen (server-sent events): each with its position, by which a reader goes on.

A stream ends when the process stops and when its caller may no longer read: whoever sends the
events looks before each of them goes out, and at each heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from sse_starlette.event import ServerSentEvent

from chassis.errors import TransientError
from gateway.event_log import EventLog

STREAMS_MAX = 20  # of one tenant, in each process
_LOOK_S = 2.0  # other processes take events into the log, too
_PAGE = 100
_AGAIN_MS = 3000  # after which a browser comes back


class Live:
    """The streams of this process."""

    def __init__(self, log: EventLog, heartbeat_s: float = 15.0) -> None:
        self._log = log
        self._heartbeat_s = heartbeat_s
        self._closing = False
        self._open: Counter[str] = Counter()

    def close(self) -> None:
        """Streams end now, and none begins: whoever serves calls this before it stops."""
        self._closing = True
        self._log.wake_all()

    def check(self, tenant: str) -> None:
        """TransientError `too-many-streams` when the tenant has as many as it may."""
        if self._closing or self._open[tenant] >= STREAMS_MAX:
            text = f"a tenant has at most {STREAMS_MAX} streams at once"
            raise TransientError("too-many-streams", text, retry_after_s=_AGAIN_MS / 1000)

    async def stream(
        self, tenant: str, after: int, may_read: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[ServerSentEvent]:
        """Every event after that position, then what happens; a comment when nothing does."""
        with self._counted(tenant), self._log.watching(tenant) as woken:
            yield ServerSentEvent(comment="events", retry=_AGAIN_MS)
            loop = asyncio.get_running_loop()
            beat = loop.time() + self._heartbeat_s
            while not self._closing:
                woken.clear()
                found = await self._log.page(tenant, after, _PAGE)
                if not found and loop.time() < beat:
                    await _wait(woken, min(_LOOK_S, beat - loop.time()))
                    continue
                if not await may_read():
                    return
                for kept in found:
                    yield ServerSentEvent(id=str(kept.position), data=kept.event)
                    after = kept.position
                if not found:
                    yield ServerSentEvent(comment="nothing new")
                beat = loop.time() + self._heartbeat_s

    @contextlib.contextmanager
    def _counted(self, tenant: str) -> Iterator[None]:
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


async def _wait(woken: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
