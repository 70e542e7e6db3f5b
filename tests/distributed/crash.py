"""One history over processes: every service twice, killed, stopped and cut off at drawn moments.

The driver is a client of the servers, as the command line is; the sandboxes live in a process of
their own and outlive everything. In the end the oracle reads the load and HaloPSA's state alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

import httpx

import oracle
from chaos import drive, world
from chargeline.system import Options, System
from chassis.clock import SystemClock
from chassis.errors import TransientError
from chassis.http import Retries
from chassis.servers.settings import ServerSettings
from chassis.vault import Keys
from distributed.cluster import Cluster, Replica
from sandbox.core import dumps, loads
from servers import LocalKafka, LocalMongo
from servers.toxiproxy import KINDS, Toxiproxy

PATIENCE_S = 90.0
REFUSED_MAX = 10
PAUSE_S = (0.1, 0.9)
FAULT_S = (0.2, 2.0)
FAULTS = ("lost_answer", "reset", "empty_500", "error_500", "html")
CALLS = (
    ("pax8", "GET", "/invoices"),
    ("halopsa", "GET", "/Invoice"),
    ("halopsa", "POST", "/Invoice"),
)


class Server(Protocol):
    """A broker or a store that can die and come back with what it has acknowledged."""

    def kill(self) -> None: ...
    def restart(self) -> None: ...


@dataclass
class Outcome:
    """What happened, and what came of it."""

    seed: int
    happened: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def wrong(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.unbalanced]


@dataclass(frozen=True)
class Network:
    """The services' way to broker, store and vendors; `share` of the events are its faults."""

    proxy: Toxiproxy
    broker: LocalKafka
    store: LocalMongo
    share: float = 0.5

    def addresses(self, sandbox: str) -> dict[str, str]:
        """All three ways lead through the proxy."""
        self.proxy.listen("kafka", self.broker.behind, self.broker.proxied)
        store = self.proxy.listen("mongodb", self.store.port)
        vendors = self.proxy.listen("vendors", int(sandbox.rsplit(":", 1)[1]))
        return {
            "CHARGELINE_KAFKA": f"127.0.0.1:{self.broker.proxied}",
            "CHARGELINE_MONGODB": f"mongodb://127.0.0.1:{store}/?directConnection=true",
            "CHARGELINE_SANDBOX": f"http://127.0.0.1:{vendors}",
        }


class Crash:
    """`broker` and `store` are killed, too, when they are given."""

    def __init__(
        self,
        seed: int,
        folder: Path,
        environment: dict[str, str],
        kills: int,
        servers: tuple[Server, ...] = (),
        network: Network | None = None,
    ) -> None:
        self.network = network
        self.rng = Random(f"distributed {seed}")
        self.world = world.make(seed, small=True)
        self.folder = folder
        self.kills = kills
        self.servers = servers
        self.environment = environment | {
            "CHARGELINE_NAMESPACE": f"crash{seed}-",
            "CHARGELINE_TODAY": self.world.today.isoformat(),
        }
        self.settings = json.loads(dumps(self.world.settings))
        self.settings["halopsa"]["settle_s"] = 0.3
        self.outcome = Outcome(seed)
        self.url = ""
        self.over = False

    def live(self) -> Outcome:
        """The history, then the oracle."""
        began = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        serving = [sys.executable, "-m", "chargeline", "sandbox", "serve", "--port", "0"]
        today = ["--today", self.world.today.isoformat()]
        with subprocess.Popen([*serving, *today], stdout=subprocess.PIPE, text=True) as sandboxes:
            try:
                assert sandboxes.stdout is not None, "its ready line is read"
                self.url = sandboxes.stdout.readline().split()[-1]
                self._load()
                with Cluster(self.folder, self._services(), replicas=2) as cluster:
                    asyncio.run(self._history(cluster))
                self._judge()
            finally:
                sandboxes.kill()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _services(self) -> dict[str, str]:
        """What the services are told: the servers' addresses, or those of the faulty network."""
        sandbox = {"CHARGELINE_SANDBOX": self.url}
        if self.network is None:
            return self.environment | sandbox
        return self.environment | sandbox | self.network.addresses(self.url)

    def _load(self) -> None:
        for name, payload in self.world.load.items():
            self._post(f"/_sandbox/{name}/load", payload)
        if self.world.later is not None and self.world.behaviour != "recurring":
            self._post("/_sandbox/pax8/load", self.world.later)
        else:
            self.world.later = None
        for vendor, method, path in CALLS:
            if self.rng.random() < 0.5:
                fault = {"kind": self.rng.choice(FAULTS), "method": method, "path": path}
                self._post(f"/_sandbox/{vendor}/faults", fault | {"after": self.rng.choice((0, 1))})

    async def _history(self, cluster: Cluster) -> None:
        options = Options(
            sandbox=self.url,
            clock=SystemClock(self.world.today),
            retries=Retries(first_wait_s=0.02, wait_max_s=0.2),
            keys=Keys((bytes(range(32)),)),
            servers=ServerSettings.model_validate(
                _settings(cluster.environment | self.environment)
            ),
            hosts=False,
        )
        async with System.open(self.folder / "data", options) as system:
            await drive.set_up(system, self.settings)
            reaper = asyncio.create_task(self._reap(cluster))
            try:
                await self._work(system)
            finally:
                self.over = True
                await reaper
                if self.network is not None:
                    self.network.proxy.heal()
            await asyncio.to_thread(cluster.wait_until_ready)
            self._calm()
            await self._work(system)
            await self._gaps(system)

    async def _work(self, system: System) -> None:
        """Bill every document, again while there are kills left to come."""
        refused = 0
        while True:
            try:
                for document in await drive.listed(system, PATIENCE_S):
                    await drive.bill(system, document, again=True, patience_s=PATIENCE_S)
            except TransientError:  # cut off for longer than a call waits: whoever asked asks again
                refused += 1
                if refused == REFUSED_MAX:
                    raise
                self.outcome.happened["asked again"] += 1
                continue
            if self.over or not self.kills:
                return

    async def _reap(self, cluster: Cluster) -> None:
        """Kill, or stop as a deployment does, and start again."""
        while self.kills and not self.over:
            await asyncio.sleep(self.rng.uniform(*PAUSE_S))
            if self.network is not None and self.rng.random() < self.network.share:
                await self._disturb(self.network)
                continue
            if self.servers and self.rng.random() < 0.08:
                await self._restart(self.rng.choice(self.servers))
                continue
            replica = self.rng.choice(cluster.replicas)
            if not replica.alive:
                continue
            if self.rng.random() < 0.3 and await asyncio.to_thread(replica.ready):
                await self._roll(replica)
            elif replica.kill():
                self.kills -= 1
                self.outcome.happened[f"kill {replica.service}"] += 1
                await asyncio.sleep(self.rng.choice((0.0, 0.0, 0.5)))
                replica.start()

    async def _roll(self, replica: Replica) -> None:
        """A rolling deployment's step: asked to stop, then started anew."""
        code = await asyncio.to_thread(replica.stop)
        if code:
            self.outcome.unbalanced.append(f"{replica.name} stopped with {code}\n{replica.tail()}")
        self.outcome.happened[f"roll {replica.service}"] += 1
        replica.start()

    async def _disturb(self, network: Network) -> None:
        """A fault on one of the three ways, for a while."""
        name, kind = self.rng.choice(network.proxy.names), self.rng.choice(KINDS)
        await asyncio.to_thread(network.proxy.begin, name, kind, self.rng)
        await asyncio.sleep(self.rng.uniform(*FAULT_S))
        await asyncio.to_thread(network.proxy.heal)
        self.outcome.happened[f"network {name} {kind}"] += 1

    async def _restart(self, server: Server) -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        await asyncio.to_thread(server.restart)
        self.outcome.happened[f"restart {type(server).__name__}"] += 1

    async def _gaps(self, system: System) -> None:
        """What each statement says against what it should say."""
        expected = oracle.expectations(
            self.world.file()["pax8"], self.world.load["halopsa"], self.settings
        )
        for document in self.world.documents:
            run = await drive.run_of(system, document)
            if run is None:
                self.outcome.lost.append(f"document {document} was never billed")
                continue
            statement = await system.gateway.queries.statement(drive.TENANT, run.run)
            lines = [e for e in expected if e.document == document and not e.members]
            told = statement.model_dump(mode="json")
            self.outcome.unbalanced += oracle.statement_gaps(document[:8], lines, told)
        parked = await system.store.parking.list(drive.TENANT)
        self.outcome.unbalanced += [f"parked: {p.group} {p.code} {p.text}" for p in parked]

    def _judge(self) -> None:
        state = self._get("/_sandbox/halopsa/state")
        verdict = oracle.judge(self.world.file(), self.settings, state["entities"])
        self.outcome.lost += [str(f) for f in verdict.of("lost")]
        self.outcome.doubled += [str(f) for f in verdict.of("doubled")]
        self.outcome.unbalanced += [str(f) for f in verdict.of("unbalanced")]
        for vendor in ("pax8", "halopsa"):
            fired = self._get(f"/_sandbox/{vendor}/state")["faults"]["fired"]
            self.outcome.happened += Counter({f"{vendor} {k}": n for k, n in fired.items()})

    def _calm(self) -> None:
        for vendor in ("pax8", "halopsa"):
            httpx.delete(f"{self.url}/_sandbox/{vendor}/faults").raise_for_status()

    def _get(self, path: str) -> Any:
        return loads(httpx.get(f"{self.url}{path}", timeout=60).content)

    def _post(self, path: str, payload: Any) -> None:
        content = dumps(payload)
        httpx.post(f"{self.url}{path}", content=content, timeout=60).raise_for_status()


def _settings(environment: dict[str, str]) -> dict[str, str]:
    """What the processes read from their environment."""
    prefix = "CHARGELINE_"
    names = ServerSettings.model_fields
    found = {k.removeprefix(prefix).lower(): v for k, v in environment.items()}
    return {name: value for name, value in found.items() if name in names}


def play(
    seed: int,
    folder: Path,
    environment: dict[str, str],
    kills: int,
    servers: tuple[Server, ...] = (),
    network: Network | None = None,
) -> Outcome:
    """One seed; its moments are the clock's, so it is repeated but not replayed exactly."""
    crash = Crash(seed, folder, environment, kills, servers, network)
    with contextlib.suppress(drive.Stuck):
        return crash.live()
    crash.outcome.unbalanced.append("liveness: it does not end")
    return crash.outcome
