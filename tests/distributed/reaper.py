"""Plays a deck on a cluster: kills, rolls, restarts and faults, one after the other."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from distributed.cluster import READY_S, Cluster, Replica
from distributed.deck import WAYS, Card
from servers import LocalKafka, LocalMongo
from servers.toxiproxy import Toxiproxy

PAUSE_S = (0.1, 0.9)
FAULT_S = (0.2, 2.0)


class Server(Protocol):
    """A broker or a store that can die and come back with what it has acknowledged."""

    def kill(self) -> None: ...
    def restart(self) -> None: ...


@dataclass(frozen=True)
class Network:
    """The services' way to broker, store and vendors."""

    proxy: Toxiproxy
    broker: LocalKafka
    store: LocalMongo

    def addresses(self, sandbox: str) -> dict[str, str]:
        """All three ways lead through the proxy."""
        kafka, mongodb, vendors = WAYS
        self.proxy.listen(kafka, self.broker.behind, self.broker.proxied)
        store = self.proxy.listen(mongodb, self.store.port)
        sandboxes = self.proxy.listen(vendors, int(sandbox.rsplit(":", 1)[1]))
        return {
            "CHARGELINE_KAFKA": f"127.0.0.1:{self.broker.proxied}",
            "CHARGELINE_MONGODB": f"mongodb://127.0.0.1:{store}/?directConnection=true",
            "CHARGELINE_SANDBOX": f"http://127.0.0.1:{sandboxes}",
        }


@dataclass
class Reaper:
    """`at_work` says whether there is anything that a kill can meet."""

    rng: Random
    cluster: Cluster
    servers: Mapping[str, Server]
    network: Network | None
    at_work: Callable[[], Awaitable[bool]]
    happened: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def play(self, cards: Sequence[Card]) -> None:
        """All of them; a service that is not ready yet is rolled later."""
        left, loop = deque(cards), asyncio.get_running_loop()
        last = loop.time()
        while left:
            await asyncio.sleep(self.rng.uniform(*PAUSE_S))
            card = left.popleft()
            if await self._happens(card):
                self.happened[str(card)] += 1
                last = loop.time()
            else:
                assert loop.time() - last < READY_S, f"{card.whom} is never ready to be rolled"
                left.append(card)

    async def _happens(self, card: Card) -> bool:
        match card.what:
            case "kill":
                await self._kill(card.whom)
            case "roll":
                return await self._roll(card.whom)
            case "restart":
                await self._restart(self.servers[card.whom])
            case "network":
                await self._disturb(card)
        return True

    async def _kill(self, service: str) -> None:
        """SIGKILL, and a new start at once or soon."""
        replica = self.rng.choice([r for r in self._replicas(service) if r.alive])
        busy = await self.at_work()
        assert replica.kill(), f"{replica.name} has ended by itself\n{replica.tail()}"
        self.happened["met work"] += busy
        await asyncio.sleep(self.rng.choice((0.0, 0.0, 0.5)))
        replica.start()

    async def _roll(self, service: str) -> bool:
        """A rolling deployment's step: asked to stop, then started anew."""
        ready = [r for r in self._replicas(service) if await asyncio.to_thread(r.ready)]
        if not ready:
            return False
        replica = self.rng.choice(ready)
        code = await asyncio.to_thread(replica.stop)
        if code:
            self.wrong.append(f"{replica.name} stopped with {code}\n{replica.tail()}")
        replica.start()
        return True

    async def _restart(self, server: Server) -> None:
        await asyncio.to_thread(server.kill)
        try:
            await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        finally:  # the next history needs it
            await asyncio.to_thread(server.restart)

    async def _disturb(self, card: Card) -> None:
        """A fault on one of the three ways, for a while."""
        assert self.network is not None, "faults are dealt where there is a proxy"
        proxy = self.network.proxy
        await asyncio.to_thread(proxy.begin, card.whom, card.kind, self.rng)
        try:
            await asyncio.sleep(self.rng.uniform(*FAULT_S))
        finally:
            await asyncio.to_thread(proxy.heal)

    def _replicas(self, service: str) -> list[Replica]:
        return [r for r in self.cluster.replicas if r.service == service]
