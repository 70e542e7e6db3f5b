"""The servers' store as a whole: records in MongoDB, the bus on Kafka, and their keepers."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Self

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.delivery import Delivery, DeliverySettings
from chassis.errors import TransientError
from chassis.log import logger
from chassis.outbox import Outbox
from chassis.parking import Parking
from chassis.servers import indexes, topics
from chassis.servers.bus import KafkaBus
from chassis.servers.client import open_client
from chassis.servers.records import MongoRecords
from chassis.servers.settings import ServerSettings
from chassis.service import Route

_log = logger("store")


class ServerStore:
    """Implements `chassis.store.Store`: connects at first use, so opening it reaches nothing."""

    def __init__(
        self, settings: ServerSettings, clock: Clock, jitter: Random, delivery: DeliverySettings
    ) -> None:
        logging.getLogger("chargeline.kafka").setLevel(logging.ERROR)  # it warns of what is meant
        self.settings = settings
        self.client = open_client(settings)
        database = self.client[settings.database]
        self.records = MongoRecords(database, clock, held_s=3 * settings.sweep_s)
        self.bus = KafkaBus(settings)
        self.outbox = Outbox(self.records, self.bus, lazily=True)
        self.bodies = Bodies(self.records)
        self.parking = Parking(self.records, self.outbox, clock, owner=settings.replica)
        self._clock = clock
        self._upkeep: asyncio.Task[None] | None = None

        def deliver(group: str, route: Route) -> Delivery:
            return Delivery(
                group,
                route,
                self.bodies,
                self.parking,
                clock=clock,
                jitter=jitter,
                settings=delivery,
            )

        self.bus.deliver_with(deliver)

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        *,
        clock: Clock,
        jitter: Random | None = None,
        delivery: DeliverySettings | None = None,
    ) -> Self:
        """Nothing is reached yet."""
        return cls(
            settings,
            clock,
            jitter or Random(),  # noqa: S311 - spreads waits, hides nothing
            delivery
            or DeliverySettings(
                handler_timeout_s=settings.handler_timeout_s,
                drain_s=settings.drain_s,
                sweep_s=settings.sweep_s,
            ),
        )

    async def prepare(self) -> None:
        """Make the topics and indexes that are missing, as two commands do for a deployment."""
        await topics.apply(self.settings)
        await indexes.apply(self.settings)

    async def start(self) -> None:
        """Publish what dead processes left behind, then consume, and keep the house."""
        await self.outbox.sweep()
        await self.bus.start()
        await self.parking.resume()
        self._upkeep = asyncio.create_task(self._keep_house())

    async def idle(self) -> None:
        """Wait until every group that is mounted here has done what is on its partitions."""
        await self.bus.idle()

    async def stop(self) -> None:
        """Let what is in hand finish, and let the servers go."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])
            self._upkeep = None
        await self.bus.stop()
        await self.parking.stop()
        try:
            await self.outbox.clear(everything=True)
        except TransientError as error:  # whoever comes next publishes it once more
            _log.warning("outbox-not-cleared", text=str(error))
        await self.client.close()

    def close(self) -> None:
        """Nothing is held that `stop` has not let go."""

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(self.settings.sweep_s)
            try:
                await self.outbox.clear()
                await self.outbox.sweep()
                await self.parking.resume()
            except TransientError as error:
                _log.warning("sweep-waits", code=error.code, text=error.text)
