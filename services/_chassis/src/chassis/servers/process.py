"""One service as a process: it starts, tells how it is, and ends when it is asked to.

Exit codes: 0 asked to stop, and all in hand was done · 1 it can not go on, or was too slow to stop
· 4 refused before anything was done: the environment lacks something.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx
from starlette.types import ASGIApp

from chassis.bus import Bus
from chassis.clock import Clock, SystemClock
from chassis.errors import PermanentError, TransientError
from chassis.http import open_http
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.leases import Leases
from chassis.limits import Budgets
from chassis.log import Library, logger
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.servers.access import security
from chassis.servers.host import FAILED, REFUSED, Host
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Service
from chassis.vault import KEY_VARIABLE, Keys, Vault, keys_from

_SECRETS = (KEY_VARIABLE, "CHARGELINE_OPERATOR_KEY")  # each may come from a file: <NAME>_FILE
_LOOK_S = 2.0  # how long a probe waits for the store

_log = logger("process")


@dataclass(frozen=True)
class Parts:
    """What a service is built from. `sandbox`: the vendor sandboxes' address, in trials.

    `origin`: where people open what it serves. `environ`: with what secret files hold.
    """

    records: Records
    bus: Bus
    outbox: Outbox
    jobs: Jobs
    clock: Clock
    vault: Vault
    http: httpx.AsyncClient
    budgets: Budgets
    sandbox: str | None
    origin: str
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Served:
    """A service that callers reach over HTTP, too.

    `app` answers them once the servers are there, `away` until then; `begin` comes in between.
    `let_go` comes before what is in hand is waited for: answers without an end come to theirs.
    """

    service: Service
    app: ASGIApp
    away: ASGIApp
    begin: Callable[[], Awaitable[None]]
    let_go: Callable[[], None]


type Build = Callable[[Parts], Service | Served]


def main(build: Build, *, watches_store: bool = False) -> NoReturn:
    """Run the service until it is asked to stop. `watches_store`: its numbers are told here."""
    logging.basicConfig(handlers=[Library()], level=logging.WARNING, force=True)
    try:
        environ = with_secrets(os.environ)
        settings, keys = settings_from(environ)
        # A batch is thousands of short-lived rows without cycles: see `chargeline.system`.
        gc.set_threshold(100_000, 50, 100)
        host = Host(
            settings, lambda: Process(settings, keys, build, environ), watches_store=watches_store
        )
        code = asyncio.run(host.run())
    except PermanentError as refused:
        _log.error("process-refused", code=refused.code, text=refused.text)
        code = REFUSED
    except Exception as bug:  # noqa: BLE001 - nothing is above this to tell it, and a line is read
        text = f"{type(bug).__name__}: {bug}"
        _log.critical("process-failed", code="process-failed", text=text, stack=_stack(bug))
        code = FAILED
    raise SystemExit(code)


def with_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, with each secret that a file holds."""
    given = dict(environ)
    for name in _SECRETS:
        if file := environ.get(f"{name}_FILE"):
            try:
                given[name] = Path(file).read_text(encoding="ascii").strip()
            except (OSError, ValueError) as error:
                text = f"{name}_FILE: {file} can not be read ({error})"
                raise PermanentError("environment", text) from None
    return given


def settings_from(environ: Mapping[str, str]) -> tuple[ServerSettings, Keys]:
    """From the environment; a refusal names each variable that is missing or wrong."""
    settings = ServerSettings.from_environment()
    security(settings)  # certificates that can not be used are refused here
    if not environ.get(KEY_VARIABLE):
        text = f"{KEY_VARIABLE}: missing; it opens the tenants' secrets (openssl rand -base64 32)"
        raise PermanentError("environment", text)
    return settings, keys_from(environ, Path())


def _stack(error: Exception) -> str:
    """Where it came from, the innermost first; without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))


class Process:
    """One start of the service: what it holds is gone when it has stopped."""

    def __init__(
        self, settings: ServerSettings, keys: Keys, build: Build, environ: Mapping[str, str]
    ) -> None:
        clock = SystemClock(settings.today)
        runner = RunnerSettings(
            ttl_s=settings.lease_ttl_s, sweep_s=settings.sweep_s, drain_s=settings.drain_s / 2
        )
        self.store = ServerStore.open(settings, clock=clock)
        self._http = open_http(sandbox=bool(settings.sandbox))
        records = self.store.records
        jobs = Jobs(records, clock)
        built = build(
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
                origin=settings.origin,
                environ=environ,
            )
        )
        self.served = built if isinstance(built, Served) else None
        self.service = built.service if isinstance(built, Served) else built
        self.store.bus.mount(self.service)
        owner = f"{settings.replica}-{os.urandom(4).hex()}"  # unique to this start
        self.runner = JobRunner(jobs, self.service.jobs, owner, runner)
        self.running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Consume, and run jobs; TransientError when the servers are away."""
        await self.store.start()
        if self.served is not None:
            await self.served.begin()
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
