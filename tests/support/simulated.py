"""The whole system on a simulated machine: one thread, virtual time, and faults at every await.

The machine may die at any call of the store or of a vendor; what was sent before
still arrives. Every event goes into a trace, by which two runs of a seed are compared.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from chargeline.system import Options, System
from chassis.clock import Clock
from chassis.delivery import Delivery, DeliverySettings
from chassis.embedded import EmbeddedStore, InlineExecutor
from chassis.embedded.writer import Work
from chassis.errors import TransientError
from chassis.http import Retries
from chassis.job_settings import RunnerSettings
from chassis.parked import Arrival
from chassis.service import Route
from chassis.vault import Keys
from sandbox.app import Sandbox
from support.virtual_loop import VirtualLoop

READ_TIMEOUT_S = 60.0
SANDBOX = "http://sandbox"
KEYS = Keys((bytes(range(32)),))


class CountedTask[T](asyncio.Task[T]):
    """Hashes by order of birth: sets of tasks are walked in the same order in every run."""

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


def simulated_loop() -> VirtualLoop:
    """A virtual-time loop whose tasks are counted."""
    loop = VirtualLoop()
    numbers = itertools.count(1)

    def factory(of: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> CountedTask[Any]:
        return CountedTask(coro, number=next(numbers), loop=of, **options)

    loop.set_task_factory(factory)
    return loop


@dataclass(frozen=True)
class Hazards:
    """How likely each fault is at each point where it could happen."""

    crash: float = 0.0
    store_before: float = 0.0  # the store fails and nothing was written
    store_after: float = 0.0  # it was written, and nobody hears of it
    slow_store: float = 0.0
    twice: float = 0.0  # a message is delivered a second time
    rewind: float = 0.0  # the last few messages of a group are delivered again, in order


CALM = Hazards()


class Crashed(Exception):  # noqa: N818 - named for what happened
    """The machine died."""


@dataclass
class Machine:
    """What decides and notes faults. `alive` is False between a crash and the next start."""

    rng: Random
    hazards: Hazards = CALM
    alive: bool = True
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    trace: Any = field(default_factory=hashlib.sha256)
    events: int = 0
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, text: str) -> None:
        """One event of the trace."""
        self.events += 1
        line = f"{asyncio.get_running_loop().time():.6f} {text}\n"
        self.trace.update(line.encode())

    def strikes(self, kind: str, step: str) -> bool:
        """Whether this fault happens here and now."""
        chance: float = getattr(self.hazards, kind)
        if not self.alive or not chance or self.rng.random() >= chance:
            return False
        self.fired[kind, step] += 1
        self.note(f"fault {kind} {step}")
        return True

    async def point(self, step: str) -> None:
        """A place where the process may die."""
        if self.strikes("crash", step):
            self.die()
        if not self.alive:
            await asyncio.Event().wait()  # a dead process does nothing more

    def die(self) -> None:
        """Nothing more is done until the next start."""
        self.alive = False
        self.died.set()


class FaultyExecutor(InlineExecutor):
    """A store that may be slow, fail before or after the write, or be the last thing reached."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    async def write[T](self, work: Work[T], committed: Callable[[T], None] | None = None) -> T:
        step = _name(work)
        await self._before(step)
        done = await super().write(work, committed)
        self._machine.note(f"write {step}")
        await self._machine.point(f"after {step}")
        if self._machine.strikes("store_after", step):
            raise TransientError("store-away", "simulated: written, and nobody hears of it")
        return done

    async def read[T](self, work: Work[T]) -> T:
        await self._before(_name(work))
        return await super().read(work)

    def submit[T](
        self, work: Work[T], committed: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        if not self._machine.alive:
            return asyncio.get_running_loop().create_future()
        return super().submit(work, committed)

    async def _before(self, step: str) -> None:
        machine = self._machine
        await machine.point(f"before {step}")
        if machine.strikes("slow_store", step):
            await asyncio.sleep(machine.rng.choice((0.01, 0.5, 5.0)))
            await machine.point(f"waiting for {step}")
        if machine.strikes("store_before", step):
            raise TransientError("store-away", "simulated: the store is away")


def _name(work: Callable[[sqlite3.Connection], Any]) -> str:
    return getattr(work, "__qualname__", type(work).__name__).partition(".<locals>")[0]


class Network(httpx.AsyncBaseTransport):
    """Requests travel by themselves: one that was sent arrives, whoever sent it may be dead."""

    def __init__(self, machine: Machine, app: Sandbox) -> None:
        self._machine = machine
        self._inner = httpx.ASGITransport(app=app)
        self.under_way: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        machine = self._machine
        step = f"{request.method} {_template(request.url.path)}"
        await machine.point(f"before {step}")
        body = await request.aread()
        machine.note(f"{step} {hashlib.sha256(body).hexdigest()[:12]}")
        sent = asyncio.create_task(self._inner.handle_async_request(request))
        self.under_way.add(sent)
        sent.add_done_callback(self.under_way.discard)
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                answer = await asyncio.shield(sent)
        except TimeoutError as late:
            machine.fired["timeout", step] += 1
            raise httpx.ReadTimeout("simulated: no answer in time", request=request) from late
        await machine.point(f"after {step}")
        return answer


def _template(path: str) -> str:
    parts = path.strip("/").split("/")
    return "/" + "/".join("{id}" if len(p) > 30 or p.lstrip("-").isdigit() else p for p in parts)


class FaultyDelivery(Delivery):
    """Delivers some messages twice, and now and then goes back a few."""

    def __init__(self, machine: Machine, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._machine = machine
        self._last: list[Arrival] = []

    async def deliver(self, arrival: Arrival) -> bool:
        done = await super().deliver(arrival)
        if not done:
            return False
        self._last = [*self._last, arrival][-4:]
        if self._machine.strikes("twice", self.group):
            return await super().deliver(arrival)
        if self._machine.strikes("rewind", self.group):
            return all([await super(FaultyDelivery, self).deliver(one) for one in self._last])
        return True


def open_system(machine: Machine, folder: Path, app: Sandbox, clock: Clock, seed: int) -> System:
    """The system of production over faulty parts; its store waits for no disk."""
    settings = DeliverySettings(wait_first_s=0.05, wait_max_s=5.0)
    rng = Random(seed)
    store = EmbeddedStore.open(
        folder,
        executor=FaultyExecutor(machine),
        clock=clock,
        jitter=Random(seed),
        settings=settings,
        durability="OFF",
    )

    def deliver(group: str, route: Route) -> Delivery:
        return FaultyDelivery(
            machine,
            group,
            route,
            store.bodies,
            store.parking,
            clock=clock,
            jitter=rng,
            settings=settings,
        )

    store.bus.deliver_with(deliver)
    options = Options(
        sandbox=SANDBOX,
        transport=Network(machine, app),
        clock=clock,
        runner=RunnerSettings(take_over=True),
        retries=Retries(jitter=rng.random),
        seed=seed,
        keys=KEYS,
    )
    return System(store, options, KEYS)


async def run_until_crash[T](
    machine: Machine, system: System, work: Callable[[System], Awaitable[T]]
) -> T:
    """Start the system, do the work, stop; Crashed when the machine died on the way."""
    machine.alive = True
    machine.died = asyncio.Event()
    before = asyncio.all_tasks()

    async def life() -> T:
        try:
            await system.start()
        except TransientError:  # a process that can not start ends
            machine.die()
            await asyncio.Event().wait()
        try:
            return await work(system)
        finally:
            await system.stop()
            system.close()

    living = asyncio.create_task(life())
    dying = asyncio.create_task(machine.died.wait())
    await asyncio.wait({living, dying}, return_when=asyncio.FIRST_COMPLETED)
    if machine.alive:
        dying.cancel()
        return await living
    await _bury(machine, system, before)
    raise Crashed


async def _bury(machine: Machine, system: System, before: set[asyncio.Task[Any]]) -> None:
    """All tasks of the dead process end without another act; the folder is let go."""
    network = system.options.transport
    assert isinstance(network, Network), "a simulated system has a simulated network"
    own: set[asyncio.Task[Any]] = set()
    for _ in range(50):
        own = asyncio.all_tasks() - before - network.under_way - {asyncio.current_task()}
        if not own:
            break
        for task in sorted(own, key=hash):
            task.cancel()
        await asyncio.sleep(0)
    else:
        raise AssertionError(f"tasks that do not end: {own}")
    system.close()
