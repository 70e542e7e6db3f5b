"""The measured consumer: the normalizer over Kafka as it is run, or the barest loop there could be.

    python -m bench.normalizing bare|service LINES_TO_END     settings from the environment

Says `ready` when it has its partitions, and in the end what it did as one JSON line. CPU is counted
from the first message to the last.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel

import normalizer.app
from chassis.clock import SystemClock
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body, Handler, Route, Service
from normalizer.handlers import normalize
from schemas import frame
from schemas.messages import ChargesReceived
from schemas.settings import Settings

IN, OUT = "charges.received.v1", "charges.normalized.v1"
QUIET_S = 4.0  # after so long without a message there is none left
BYTES_MAX = 4 * 1024 * 1024


@dataclass
class Done:
    """What passed through here, and what that cost."""

    lines: int = 0
    messages: int = 0
    began: tuple[float, float] | None = None
    ended: tuple[float, float] = (0.0, 0.0)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        self.began = self.began or _now()

    def end(self, lines: int) -> None:
        self.lines += lines
        self.messages += 1
        self.ended = _now()
        self.news.set()

    def told(self) -> dict[str, float]:
        cpu_s, wall_s = (b - a for a, b in zip(self.began or self.ended, self.ended, strict=True))
        return {
            "lines": self.lines,
            "messages": self.messages,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        }

    async def wait(self) -> None:
        """Until nothing has come for a while, once something has."""
        await self.news.wait()
        while True:
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), QUIET_S)
            except TimeoutError:
                return


async def bare(s: ServerSettings, done: Done) -> None:
    """Consume, transform, produce, commit: by hand, over the same bytes."""
    consumer = AIOKafkaConsumer(
        s.topic(IN),
        bootstrap_servers=s.kafka,
        group_id=s.topic("bare"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=BYTES_MAX,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=s.kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_request_size=BYTES_MAX // 2,
    )
    await producer.start()
    await consumer.start()
    settings = Settings()
    _say("ready")
    reading = asyncio.create_task(_loop(consumer, producer, s, settings, done))
    await done.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await consumer.stop()
    await producer.stop()


async def _loop(
    consumer: AIOKafkaConsumer,
    producer: AIOKafkaProducer,
    s: ServerSettings,
    settings: Settings,
    done: Done,
) -> None:
    async for record in consumer:
        done.begin()
        line, body = frame.decode(record.value)
        head = ChargesReceived.model_validate_json(line)
        normalized, _, lines = normalize(head, body, settings)
        value = frame.encode(normalized.model_dump_json().encode(), lines)
        await producer.send_and_wait(s.topic(OUT), value, key=record.key)
        await consumer.commit()
        done.end(head.lines)


async def service(s: ServerSettings, done: Done) -> None:
    """The normalizer's process, but for probes and jobs."""
    store = ServerStore.open(s, clock=SystemClock())
    built = normalizer.app.build(records=store.records, outbox=store.outbox)
    store.bus.mount(_counted(built, done))
    await store.start()
    while not await store.bus.joined():  # noqa: ASYNC110 - only the broker knows
        await asyncio.sleep(0.05)
    _say("ready")
    await done.wait()
    await store.stop()


def _counted(built: Service, done: Done) -> Service:
    [route] = built.routes
    handler = route.on[ChargesReceived]

    async def on_charges_received(head: ChargesReceived, body: Body) -> None:
        done.begin()
        await handler(head, body)
        done.end(head.lines)

    on: dict[type[BaseModel], Handler] = {ChargesReceived: on_charges_received}
    return Service(built.name, (Route(route.topic, on, route.others),))


def _now() -> tuple[float, float]:
    return time.process_time(), time.monotonic()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    settings, done = ServerSettings(), Done()
    loop = {"bare": bare, "service": service}[sys.argv[1]]
    asyncio.run(loop(settings, done))
    _say(json.dumps(done.told()))


if __name__ == "__main__":
    main()
