"""The system as one value: every service in one process over one data folder, or what speaks to it.

Over servers (`Options.servers`) the services may also run here, or in processes of their own.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
from pydantic import SecretStr

import gateway.app
import ingest_huntress.app
import ingest_pax8.app
import lifecycle.app
import normalizer.app
import poster_halo.app
from chassis.clock import Clock, SystemClock
from chassis.delivery import DeliverySettings
from chassis.embedded.store import EmbeddedStore
from chassis.embedded.writer import Executor
from chassis.http import Retries, open_http
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.limits import Budgets
from chassis.service import Service
from chassis.store import Store
from chassis.vault import Keys, Vault, keys_from
from gateway.sending import Sender
from vendors.connections import Connections

if TYPE_CHECKING:
    from chassis.servers.settings import ServerSettings


@dataclass(frozen=True)
class Options:
    """How the system is run; the defaults are production's.

    `sandbox`: root address of the vendor sandboxes. `transport`: in place of the network, for
    sandboxes in the same process and for simulations. `servers`: Kafka and MongoDB in place of the
    data folder's own store; `hosts`: the services run here, not in processes of their own.
    `keeps_schedules`: what is due is begun here, which a command that a person waits for leaves.
    """

    sandbox: str | None = None
    transport: httpx.AsyncBaseTransport | None = None
    clock: Clock = field(default_factory=SystemClock)
    executor: Executor | None = None
    delivery: DeliverySettings | None = None
    runner: RunnerSettings = field(default_factory=lambda: RunnerSettings(take_over=True))
    retries: Retries = field(default_factory=Retries)
    seed: int | None = None
    keys: Keys | None = None
    servers: ServerSettings | None = None
    hosts: bool = True
    keeps_schedules: bool = False


class System:
    """Open it, `start`, use `gateway`, then `stop` and `close`."""

    def __init__(
        self, store: Store, options: Options, keys: Keys, folder: Path | None = None
    ) -> None:
        rng = random.Random(options.seed)  # noqa: S311 - spreads waits, hides nothing
        self.store = store
        self.folder = folder
        self.options = options
        self.vault = Vault(store.records, keys)
        self.http = open_http(sandbox=options.sandbox is not None, transport=options.transport)
        self.connections = Connections(
            self.vault, self.http, options.clock, options.sandbox, options.retries
        )
        self.jobs = Jobs(store.records, options.clock)
        self.sender = Sender(options.clock, loopback=options.sandbox is not None)
        self.gateway = gateway.app.build(
            records=store.records,
            outbox=store.outbox,
            jobs=self.jobs,
            vault=self.vault,
            sender=self.sender,
            keeps_schedules=options.keeps_schedules,
        )
        self.services = self._services()
        for service in self.services if options.hosts else ():
            store.bus.mount(service)
        handlers = {kind: job for s in self.services for kind, job in s.jobs.items()}
        alone = options.servers is None  # the folder's lock says so
        self.runner = JobRunner(
            self.jobs,
            handlers,
            f"{socket.gethostname()}-{os.getpid()}-{rng.random()}",
            replace(options.runner, take_over=options.runner.take_over and alone),
            rng,
        )
        self.connections.budgets = Budgets(self.runner.leases)
        self._running: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, folder: Path, options: Options | None = None) -> Self:
        """Own the data folder; PermanentError `data-folder-in-use` when another process does."""
        options = options or Options()
        store = open_store(folder, options)
        try:
            return cls(store, options, options.keys or keys_from(os.environ, folder), folder)
        except BaseException:
            store.close()
            raise

    async def start(self) -> None:
        """Go on where the last process stopped."""
        # A batch is thousands of short-lived rows without cycles: the default of 2,000 spends a
        # sixth of the CPU on looking for garbage among them.
        gc.set_threshold(100_000, 50, 100)
        if self.options.servers is not None and self.options.hosts:
            await self._prepare()
        await self.store.start()
        if self.options.hosts:
            self._running = asyncio.create_task(self.runner.run())

    async def stop(self) -> None:
        """Let what is in hand finish."""
        if self._running is not None:
            await self.runner.stop()
            await self._running
            self._running = None
        await self.store.stop()
        await self.http.aclose()
        await self.sender.aclose()

    def close(self) -> None:
        """Let the folder go."""
        self.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.close()

    async def seal(self, tenant: str, vendor: str, client_id: str, secret: str) -> None:
        """Keep the credentials of a vendor account, sealed."""
        settings = await self.gateway.queries.settings(tenant)
        fields = self.connections.credentials_for(
            vendor, settings, SecretStr(client_id), SecretStr(secret)
        )
        await self.vault.put(tenant, vendor, fields)

    async def wait_for(
        self,
        reached: Callable[[], Awaitable[bool]],
        on_look: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Look after every change of the run until `reached`; `on_look` shows the progress."""
        while True:
            if on_look is not None:
                await on_look()
            if await reached():
                return
            await self.options.clock.sleep(0.05)

    async def _prepare(self) -> None:
        from chassis.servers.store import ServerStore

        assert isinstance(self.store, ServerStore), "it was opened over servers"
        await self.store.prepare()

    def _services(self) -> tuple[Service, ...]:
        records, outbox, clock = self.store.records, self.store.outbox, self.options.clock
        opened = self.connections
        return (
            ingest_pax8.app.build(
                records=records, outbox=outbox, jobs=self.jobs, open_pax8=opened.open_pax8
            ),
            ingest_huntress.app.build(
                records=records,
                outbox=outbox,
                jobs=self.jobs,
                clock=clock,
                open_huntress=opened.open_huntress,
            ),
            normalizer.app.build(records=records, outbox=outbox),
            lifecycle.app.build(
                records=records,
                outbox=outbox,
                jobs=self.jobs,
                clock=clock,
                open_halo=opened.open_halo,
            ),
            poster_halo.app.build(
                records=records,
                outbox=outbox,
                jobs=self.jobs,
                clock=clock,
                open_halo=opened.open_halo,
            ),
            self.gateway.service,
        )


def open_store(folder: Path, options: Options) -> Store:
    """The data folder's own store, or the servers'."""
    jitter = random.Random(options.seed)  # noqa: S311 - spreads waits
    if options.servers is not None:
        from chassis.servers.store import ServerStore

        return ServerStore.open(
            options.servers, clock=options.clock, jitter=jitter, delivery=options.delivery
        )
    return EmbeddedStore.open(
        folder,
        executor=options.executor,
        clock=options.clock,
        jitter=jitter,
        settings=options.delivery,
    )
