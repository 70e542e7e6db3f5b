"""Keeps one service going in its process: starts it, answers probes and callers, drains it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from chassis.errors import PermanentError, TransientError
from chassis.log import identify, logger
from chassis.servers.front import Front
from chassis.servers.health_http import Health, PortTaken, app_of, serving
from chassis.servers.sampling import sampling
from chassis.servers.settings import ServerSettings
from chassis.telemetry.exporting import measured, traced

if TYPE_CHECKING:
    from chassis.servers.process import Process

FAILED, REFUSED = 1, 4
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_WAIT_FIRST_S, _WAIT_MAX_S = 0.5, 15.0
_REQUESTS = 0.4  # as much of the time to drain, and before it, is for requests in hand

_log = logger("process")


class Host:
    """Keeps one service going: a new start as long as the servers are away at the first."""

    def __init__(
        self,
        settings: ServerSettings,
        open_process: Callable[[], Process],
        *,
        watches_store: bool = False,
    ) -> None:
        self._settings, self._open = settings, open_process
        self._watches_store = watches_store
        self._asked = asyncio.Event()  # to stop
        self._process: Process | None = None
        self._health = Health(self._complaints, self._missing)

    async def run(self) -> int:
        """Until it is asked to stop, or can not go on; the exit code. PermanentError: refused."""
        s = self._settings
        self._listen()
        process = self._process = self._open()
        name = process.service.name
        identify(name, s.replica)
        with traced(name, s.replica, os.environ), measured(name, s.replica) as registry:
            app = app_of(self._health, registry)
            try:
                async with _serving("HEALTH", app, s.health_host, s.health_port) as port:
                    _log.info("process-begins", port=port)
                    return await self._served()
            finally:
                for number in _SIGNALS:  # a second one ends nothing that has ended already
                    signal.signal(number, signal.SIG_IGN)

    def _listen(self) -> None:
        """The loop's own handlers are gone before the process is: a late signal would kill it."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._asked.set))

    async def _served(self) -> int:
        """Callers are let go first: what they asked for needs the store."""
        async with self._answering():
            if not await self._started():
                return 0
            failed = await self._failed()
        _log.info("process-stops")
        assert self._process is not None, "it was started"
        drained = await self._stopped(self._process)
        return 0 if drained and not failed else FAILED

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Meanwhile callers are answered, if this service has any."""
        assert self._process is not None, "it was opened"
        served, s = self._process.served, self._settings
        if served is None:
            yield
            return

        def answers() -> ASGIApp:
            now = self._process
            if now is None or now.running is None or now.served is None:
                return served.away
            return now.served.app

        def let_go() -> None:
            now = self._process
            if now is not None and now.served is not None:
                now.served.let_go()

        app = Front(self._health, answers)
        drain_s = _REQUESTS * s.drain_s
        async with _serving("API", app, s.api_host, s.api_port, drain_s) as port:
            _log.info("rest-begins", port=port)
            try:
                yield
            finally:
                let_go()

    async def _failed(self) -> bool:
        """Wait until it is asked to stop, or can not go on (True)."""
        assert self._process is not None, "it was started"
        process, s = self._process, self._settings
        records = process.store.records if self._watches_store else None
        sample = asyncio.create_task(sampling(process.store.bus, records, s.sweep_s))
        asked = asyncio.create_task(self._asked.wait())
        ended = asyncio.create_task(process.ended())
        await asyncio.wait([asked, ended], return_when=asyncio.FIRST_COMPLETED)
        failed = ended.done()
        for task in (sample, asked):
            task.cancel()
        if failed:
            _log.critical("process-failed", code="process-failed", text=ended.result())
        ended.cancel()
        self._asked.set()
        return failed

    async def _started(self) -> bool:
        """Try until the servers are there; False: asked to stop meanwhile."""
        tries, jitter = 0, Random()  # noqa: S311 - spreads waits
        while not self._asked.is_set():
            process = self._process = self._process or self._open()
            try:
                if not await self._unless_asked(process.start()):
                    break
            except TransientError as away:
                wait_s = min(_WAIT_MAX_S, _WAIT_FIRST_S * 2**tries) * jitter.uniform(0.5, 1)
                _log.warning("process-waits", code=away.code, text=away.text, wait_s=wait_s)
                tries += 1
            except PermanentError:
                await self._stopped(process)
                raise
            else:
                _log.info("process-runs")
                return True
            await self._stopped(process)
            self._process = None  # and none of it is used again
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), wait_s)
        if self._process is not None:
            await self._stopped(self._process)
        return False

    async def _unless_asked(self, start: Coroutine[Any, Any, None]) -> bool:
        """A start may wait for long; False: asked to stop meanwhile."""
        starting = asyncio.ensure_future(start)
        asked = asyncio.ensure_future(self._asked.wait())
        await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return False
        starting.result()
        return True

    async def _stopped(self, process: Process) -> bool:
        """Let what is in hand finish; False: it took too long."""
        try:
            async with asyncio.timeout(self._settings.drain_s):
                await process.stop()
        except TimeoutError:
            text = f"not all in hand was done within {self._settings.drain_s:g} s"
            _log.error("process-not-drained", code="process-not-drained", text=text)
            return False
        return True

    async def _complaints(self) -> Sequence[str]:
        """None before the start: a new process would not reach the servers either."""
        process = self._process
        if process is None or process.running is None or self._asked.is_set():
            return ()
        return await process.store.bus.health()

    async def _missing(self) -> Sequence[str]:
        if self._asked.is_set():
            return ("it stops",)
        return await self._process.missing() if self._process else ("it waits for the servers",)


@asynccontextmanager
async def _serving(
    what: str, app: ASGIApp, host: str, port: int, drain_s: float | None = None
) -> AsyncIterator[int]:
    """As `serving`; a port that is taken is named as people set it."""
    try:
        async with serving(app, host, port, drain_s) as given:
            yield given
    except PortTaken as taken:
        raise PermanentError("environment", f"CHARGELINE_{what}_PORT: {taken}") from None
