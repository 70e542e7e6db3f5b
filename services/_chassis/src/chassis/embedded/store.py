"""The embedded store as a whole: opens the data folder and wires records, bus and their keepers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Self

from chassis.bodies import Bodies
from chassis.clock import Clock, SystemClock
from chassis.delivery import Delivery, DeliverySettings
from chassis.embedded import log, sqlite
from chassis.embedded.bus import EmbeddedBus
from chassis.embedded.lock import FolderLock
from chassis.embedded.outbox import EmbeddedOutbox
from chassis.embedded.records import SqliteRecords
from chassis.embedded.writer import Executor, ThreadExecutor
from chassis.errors import TransientError
from chassis.log import logger
from chassis.outbox import Outbox
from chassis.parking import Parking
from chassis.service import Route

_log = logger("store")


class EmbeddedStore:
    """Open it, mount services on `bus`, `start`; at the end `stop` and `close`."""

    def __init__(
        self,
        executor: Executor,
        lock: FolderLock | None,
        clock: Clock,
        jitter: Random,
        settings: DeliverySettings,
    ) -> None:
        self.executor = executor
        self.records = SqliteRecords(executor, read_only=lock is None)
        self.bus = EmbeddedBus(executor, settings, read_only=lock is None)
        self.outbox: Outbox = EmbeddedOutbox(self.records, self.bus)
        self.bodies = Bodies(self.records)
        self.parking = Parking(self.records, self.outbox, clock, alone=True)
        self._lock = lock
        self._clock = clock
        self._settings = settings
        self._upkeep: asyncio.Task[None] | None = None

        def deliver(group: str, route: Route) -> Delivery:
            return Delivery(
                group,
                route,
                self.bodies,
                self.parking,
                clock=clock,
                jitter=jitter,
                settings=settings,
            )

        self.bus.deliver_with(deliver)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        executor: Executor | None = None,
        clock: Clock | None = None,
        jitter: Random | None = None,
        settings: DeliverySettings | None = None,
        read_only: bool = False,
        durability: sqlite.Durability = "FULL",
    ) -> Self:
        """Own the folder, or only read it. `durability` is for simulations that kill no machine."""
        folder = Path(folder)
        executor = executor or ThreadExecutor()
        lock = writer = None
        if not read_only:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # customers' amounts are in it
            lock = FolderLock(folder)
        try:
            if lock is not None:
                writer = sqlite.open_owner(folder, durability)
            executor.start(writer, sqlite.open_reader(folder))
        except BaseException:
            if writer is not None:
                writer.close()
            if lock is not None:
                lock.release()
            raise
        return cls(
            executor,
            lock,
            clock or SystemClock(),
            jitter or Random(),  # noqa: S311 - spreads waits, hides nothing
            settings or DeliverySettings(),
        )

    async def start(self) -> None:
        """Publish what a dead process left behind, then consume, and keep the house."""
        await self.outbox.sweep()
        await self.bus.start()
        await self.parking.resume()
        self._upkeep = asyncio.create_task(self._keep_house())

    async def idle(self) -> None:
        """Wait until every mounted group has done all that is published."""
        await self.bus.idle()

    async def stop(self) -> None:
        """Let what is in hand finish."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])
            self._upkeep = None
        await self.bus.stop()
        await self.parking.stop()

    def close(self) -> None:
        """Commit what was handed in, close the file, let the folder go."""
        self.executor.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def prune(self) -> int:
        """Delete a stretch of the log that everybody has consumed; how many messages."""
        s = self._settings
        return await self.executor.write(log.prune(s.log_keep, s.log_prune_limit))

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(self._settings.sweep_s)
            try:
                await self.outbox.sweep()
                await self.parking.resume()
                await self.prune()
            except TransientError as error:
                _log.warning("sweep-waits", code=error.code, text=error.text)
