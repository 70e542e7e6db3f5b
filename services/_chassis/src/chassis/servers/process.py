"""One service as a process: it starts, tells how it is, and ends when it is asked to.

Exit codes: 0 asked to stop, and all in hand was done · 1 it can not go on, or was too slow to stop
· 4 refused before anything was done: the environment lacks something.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import httpx
from pydantic import ValidationError

from chassis.bus import Bus
from chassis.clock import Clock, SystemClock
from chassis.errors import PermanentError, TransientError
from chassis.http import open_http
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.leases import Leases
from chassis.limits import Budgets
from chassis.log import Library, identify, logger
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.servers.access import security
from chassis.servers.health_http import Health, PortTaken, app_of, serving
from chassis.servers.sampling import sampling
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Service
from chassis.telemetry.exporting import measured, traced
from chassis.vault import KEY_VARIABLE, Keys, Vault, keys_from

FAILED, REFUSED = 1, 4
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_KEY_FILE = "CHARGELINE_KEY_FILE"
_LOOK_S = 2.0  # how long a probe waits for the store
_WAIT_FIRST_S, _WAIT_MAX_S = 0.5, 15.0

_log = logger("process")


@dataclass(frozen=True)
class Parts:
    """What a service is built from. `sandbox`: the vendor sandboxes' address, in trials."""

    records: Records
    bus: Bus
    outbox: Outbox
    jobs: Jobs
    clock: Clock
    vault: Vault
    http: httpx.AsyncClient
    budgets: Budgets
    sandbox: str | None = None


type Build = Callable[[Parts], Service]


def main(build: Build, *, watches_store: bool = False) -> NoReturn:
    """Run the service until it is asked to stop. `watches_store`: its numbers are told here."""
    logging.basicConfig(handlers=[Library()], level=logging.WARNING, force=True)
    try:
        settings, keys = settings_from(os.environ)
    except PermanentError as refused:
        _log.error("process-refused", code=refused.code, text=refused.text)
        raise SystemExit(REFUSED) from None
    # A batch is thousands of short-lived rows without cycles: see `chargeline.system`.
    gc.set_threshold(100_000, 50, 100)
    raise SystemExit(asyncio.run(Host(settings, keys, build, watches_store=watches_store).run()))


def settings_from(environ: Mapping[str, str]) -> tuple[ServerSettings, Keys]:
    """From the environment; a refusal names each variable that is missing or wrong."""
    try:
        settings = ServerSettings()
    except ValidationError as error:
        wrong = [
            "_".join(("CHARGELINE", *(str(part).upper() for part in e["loc"]))) + f": {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise PermanentError("environment", "; ".join(wrong)) from None
    security(settings)  # certificates that can not be used are refused here
    given = dict(environ)
    if file := environ.get(_KEY_FILE):
        try:
            given[KEY_VARIABLE] = Path(file).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            text = f"{_KEY_FILE}: {file} can not be read ({error})"
            raise PermanentError("environment", text) from None
    if not given.get(KEY_VARIABLE):
        text = f"{KEY_VARIABLE}: missing; it opens the tenants' secrets (openssl rand -base64 32)"
        raise PermanentError("environment", text)
    return settings, keys_from(given, Path())


class Process:
    """One start of the service: what it holds is gone when it has stopped."""

    def __init__(self, settings: ServerSettings, keys: Keys, build: Build) -> None:
        clock = SystemClock(settings.today)
        runner = RunnerSettings(
            ttl_s=settings.lease_ttl_s, sweep_s=settings.sweep_s, drain_s=settings.drain_s / 2
        )
        self.store = ServerStore.open(settings, clock=clock)
        self._http = open_http(sandbox=bool(settings.sandbox))
        records = self.store.records
        jobs = Jobs(records, clock)
        self.service = build(
            Parts(
                records=records,
                bus=self.store.bus,
                outbox=self.store.outbox,
                jobs=jobs,
                clock=clock,
                vault=Vault(records, keys),
                http=self._http,
                budgets=Budgets(Leases(records, clock, runner.ttl_s)),
                sandbox=settings.sandbox.rstrip("/") or None,
            )
        )
        self.store.bus.mount(self.service)
        owner = f"{settings.replica}-{os.urandom(4).hex()}"  # unique to this start
        self.runner = JobRunner(jobs, self.service.jobs, owner, runner)
        self.running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Consume, and run jobs; TransientError when the servers are away."""
        await self.store.start()
        self.running = asyncio.create_task(self.runner.run())

    async def ended(self) -> str:
        """Wait for what it can not go on from: what that is."""
        assert self.running is not None, "it was started"
        failed = asyncio.create_task(self.store.bus.failed.wait())
        try:
            await asyncio.wait([failed, self.running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed.cancel()
        if not self.running.done():
            return "the producer can not go on: a new process has to"
        return f"the runner of jobs has ended: {self.running.exception()!r}"

    async def stop(self) -> None:
        """Jobs first: they publish until their next checkpoint."""
        if self.running is not None:
            await self.runner.stop()
            await asyncio.wait([self.running])
        await self.store.stop()
        await self._http.aclose()

    async def missing(self) -> Sequence[str]:
        """What it waits for before it takes part."""
        if self.running is None:
            return ("it waits for the servers",)
        found = [] if await self.store.bus.joined() else ["it waits for its partitions"]
        try:
            async with asyncio.timeout(_LOOK_S):
                await self.store.records.get("-", "tenants", "-")
        except (TransientError, TimeoutError):
            found.append("the store does not answer")
        return found


class Host:
    """Keeps one service going: a new start as long as the servers are away at the first."""

    def __init__(
        self, settings: ServerSettings, keys: Keys, build: Build, *, watches_store: bool = False
    ) -> None:
        self._settings, self._keys, self._build = settings, keys, build
        self._watches_store = watches_store
        self._asked = asyncio.Event()  # to stop
        self._process: Process | None = None

    async def run(self) -> int:
        """Until it is asked to stop, or can not go on; the exit code."""
        s = self._settings
        self._listen()
        process = self._process = Process(s, self._keys, self._build)
        name = process.service.name
        identify(name, s.replica)
        with traced(name, s.replica, os.environ), measured(name, s.replica) as registry:
            app = app_of(Health(self._complaints, self._missing), registry)
            try:
                async with serving(app, s.health_host, s.health_port) as port:
                    _log.info("process-begins", port=port)
                    code = await self._served()
            except PortTaken as taken:
                text = f"CHARGELINE_HEALTH_PORT: {taken}"
                _log.error("process-refused", code="environment", text=text)
                code = REFUSED
        for number in _SIGNALS:  # a second one ends nothing that has ended already
            signal.signal(number, signal.SIG_IGN)
        return code

    def _listen(self) -> None:
        """The loop's own handlers are gone before the process is: a late signal would kill it."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._asked.set))

    async def _served(self) -> int:
        if not await self._started():
            return 0
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
        _log.info("process-stops")
        drained = await self._stopped(process)
        return 0 if drained and not failed else FAILED

    async def _started(self) -> bool:
        """Try until the servers are there; False: asked to stop meanwhile."""
        tries, jitter = 0, Random()  # noqa: S311 - spreads waits
        while not self._asked.is_set():
            process = self._process = self._process or Process(
                self._settings, self._keys, self._build
            )
            try:
                if not await self._unless_asked(process.start()):
                    break
            except TransientError as away:
                wait_s = min(_WAIT_MAX_S, _WAIT_FIRST_S * 2**tries) * jitter.uniform(0.5, 1)
                _log.warning("process-waits", code=away.code, text=away.text, wait_s=wait_s)
                tries += 1
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
