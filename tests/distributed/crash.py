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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

import oracle
from chaos import drive, world
from chargeline.system import Options, System
from chassis.clock import SystemClock
from chassis.errors import TransientError
from chassis.http import Retries
from chassis.job_state import open_lanes
from chassis.vault import Keys
from distributed import deck
from distributed.cluster import KEY_BYTES, Cluster, settings_of
from distributed.counting import Counting
from distributed.reaper import Network, Reaper, Server
from distributed.rebalances import rebalances
from sandbox.core import dumps, loads

PATIENCE_S = 90.0
REFUSED_MAX = 10
COUNT_PAUSE_S = 1.0
UNLIMITED = 1_000_000
FAULTS = ("lost_answer", "reset", "empty_500", "error_500", "html")
CALLS = (
    ("pax8", "GET", "/invoices"),
    ("halopsa", "GET", "/Invoice"),
    ("halopsa", "POST", "/Invoice"),
)


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


class Crash:
    """`servers` by name are killed, too; through `network` come its faults, if there is one."""

    def __init__(
        self,
        seed: int,
        folder: Path,
        environment: dict[str, str],
        kills: int,
        servers: Mapping[str, Server],
        network: Network | None = None,
    ) -> None:
        self.network = network
        self.rng = Random(f"distributed {seed}")
        self.world = world.make(seed, small=True)
        self.counting = Counting(seed, self.world.today)
        self.folder = folder
        self.servers = servers
        ways = deck.WAYS if network is not None else ()
        self.cards = deck.shuffled(self.rng, kills, list(servers), ways)
        self.environment = environment | {
            "CHARGELINE_NAMESPACE": f"crash{seed}-",
            "CHARGELINE_TODAY": self.world.today.isoformat(),
        }
        self.settings = json.loads(dumps(self.world.settings))
        # A history writes as often as it can: a tenant's limit would end that for minutes.
        self.settings["halopsa"] |= {"settle_s": 0.3, "calls_per_window": UNLIMITED}
        self.settings.setdefault("pax8", {})["calls_per_minute"] = UNLIMITED
        self.outcome = Outcome(seed)
        self.url = ""

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
        for name, payload in (*self.world.load.items(), *self.counting.loads.items()):
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
            keys=Keys((KEY_BYTES,)),
            servers=settings_of(cluster.environment | self.environment),
            hosts=False,
        )
        async with System.open(self.folder / "data", options) as system:
            try:
                await self._played(cluster, system)
            except* (AssertionError, TransientError):
                self.outcome.unbalanced += await _what_waits(system)
                await asyncio.to_thread(self._judge, ended=False)
                raise

    async def _played(self, cluster: Cluster, system: System) -> None:
        await drive.set_up(system, self.counting.added_to(self.settings))
        await system.seal(drive.TENANT, "huntress", "chaos", "secret")
        await self._struck(cluster, system)
        await asyncio.to_thread(cluster.wait_until_ready)
        self._calm()
        await self._asked(lambda: self._bill_all(system, undone=False))
        await self._asked(lambda: self._counted(system))
        await self._gaps(system)

    async def _struck(self, cluster: Cluster, system: System) -> None:
        """Work goes on for as long as something befalls the processes."""
        before = rebalances(cluster)
        reaper = Reaper(self.rng, cluster, self.servers, self.network, lambda: _at_work(system))
        try:
            async with asyncio.TaskGroup() as tasks:
                reaping = tasks.create_task(reaper.play(self.cards))
                tasks.create_task(self._bill(system, reaping))
                tasks.create_task(self._count(system, reaping))
        finally:
            self.outcome.happened += reaper.happened
            self.outcome.unbalanced += reaper.wrong
        seen = rebalances(cluster) - before
        self.outcome.happened += Counter({f"rebalance {name}": n for name, n in seen.items()})

    async def _bill(self, system: System, reaping: asyncio.Task[None]) -> None:
        """Bill every document; then take all back and bill it anew, so that there is always
        something to write."""
        await self._asked(lambda: self._bill_all(system, undone=False))
        while not reaping.done():
            await self._asked(lambda: self._bill_all(system, undone=True))

    async def _bill_all(self, system: System, *, undone: bool) -> None:
        for document in await drive.listed(system, PATIENCE_S):
            if undone and await drive.undo(system, document, patience_s=PATIENCE_S):
                self.outcome.happened["undone"] += 1
            await drive.bill(system, document, again=True, patience_s=PATIENCE_S)

    async def _count(self, system: System, reaping: asyncio.Task[None]) -> None:
        """Sync counts, one of which has changed."""
        while not reaping.done():
            change = self.counting.change()
            await asyncio.to_thread(self._post, "/_sandbox/huntress/counts", change)
            await self._asked(lambda: self.counting.sync(system, PATIENCE_S))
            self.outcome.happened["counts synced"] += 1
            await asyncio.sleep(COUNT_PAUSE_S)

    async def _counted(self, system: System) -> None:
        """Nothing is in the way any more: the counts stand."""
        problem = await self.counting.sync(system, PATIENCE_S)
        if problem is not None:
            self.outcome.unbalanced.append(f"counts: {problem}")

    async def _asked[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Cut off for longer than a call waits: whoever asked asks again."""
        for _ in range(REFUSED_MAX):
            try:
                return await call()
            except TransientError:
                self.outcome.happened["asked again"] += 1
        return await call()

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

    def _judge(self, *, ended: bool = True) -> None:
        """The oracle's word. Where it has not ended, what is not there may still come."""
        state = self._get("/_sandbox/halopsa/state")
        verdict = oracle.judge(self.world.file(), self.settings, state["entities"])
        lost, doubled = self.counting.gaps(state["entities"]["software_licences"])
        if ended:
            self.outcome.lost += [*map(str, verdict.of("lost")), *lost]
        self.outcome.doubled += [*map(str, verdict.of("doubled")), *doubled]
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


async def _what_waits(system: System) -> list[str]:
    """What stands still, and for what: the history can not be replayed to look again."""
    found = []
    queries = system.gateway.queries
    for run in await queries.runs(drive.TENANT):
        if await queries.waiting(drive.TENANT, run.run):
            stand = Counter(b.progress for b in await queries.batches(drive.TENANT, run.run))
            found.append(
                f"waits: {run.run} at {run.stage.value}, revision {run.revision}, approved"
                f" {run.approved}, batches {run.batches}: {dict(stand)}"
            )
    found += [
        f"waits: job {job.head.kind} {job.id} for {job.head.why!r} until {job.head.not_before},"
        f" attempts {job.head.attempts}, tries {job.head.tries}"
        for job in await system.jobs.open(drive.TENANT)
    ]
    for record in await system.store.records.with_outgoing():
        topics = sorted({message.topic for message in record.outgoing})
        found.append(f"waits: {record.collection} {record.key} holds {topics}")
    return found


async def _at_work(system: System) -> bool:
    """Whether a job is open or a run is under way; False where the store does not say."""
    with contextlib.suppress(TransientError):
        if await open_lanes(system.store.records):
            return True
        runs = await system.gateway.queries.runs(drive.TENANT)
        return any([await system.gateway.queries.waiting(drive.TENANT, r.run) for r in runs])
    return False


def play(crash: Crash) -> Outcome:
    """One seed; its moments are the clock's, so it is repeated but not replayed exactly."""
    try:
        return crash.live()
    except* (AssertionError, TransientError) as ended:  # it does not end, a process does not stop
        crash.outcome.unbalanced += [f"liveness: {error}" for error in ended.exceptions]
    return crash.outcome
