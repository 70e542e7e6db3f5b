"""The measured consumer: the normalizer over Kafka as it is run, or a bare loop without it.

    python -m bench.normalizing single|batched|service     settings from the environment

Says `ready` when it has its partitions, begins to count CPU when it is told that messages come, and
says in the end what it did as one JSON line. The first fetch and the last commit are counted. What
`orjson.loads` takes is measured throughout (see `FloorWithin`), so that runs of different moments,
and one process on a quiet machine beside two on a busy one, can be compared.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.structs import RecordMetadata
from pydantic import BaseModel

import normalizer.app
from bench.floor import FloorWithin, pages_of
from chassis.clock import SystemClock
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body, Handler, Route, Service
from normalizer.handlers import normalize
from sandbox.generate import generate_large
from schemas import frame
from schemas.messages import ChargesReceived
from schemas.settings import Settings

IN, OUT = "charges.received.v1", "charges.normalized.v1"
QUIET_S = 4.0  # after so long without a message there is none left
SETTLED_S = 0.5  # so long after a message it is committed, and CPU is read
BYTES_MAX = 4 * 1024 * 1024
BATCH_BYTES_MAX = 512 * 1024  # as the service's producer
SETTINGS = Settings()


@dataclass
class Done:
    """What passed through here, and what that cost."""

    floor: FloorWithin
    lines: int = 0
    messages: int = 0
    told_s: float = 0.0  # CPU when messages were announced
    settled_s: float = 0.0  # CPU when nothing came any more
    first_s: float = 0.0
    last_s: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        self.first_s = self.first_s or time.monotonic()

    def end(self, lines: int) -> None:
        self.lines += lines
        self.messages += 1
        self.last_s = time.monotonic()
        self.news.set()

    def told(self) -> dict[str, float]:
        return {
            "lines": self.lines,
            "messages": self.messages,
            "cpu_s": self.settled_s - self.told_s,
            "floor_s": self.floor.s_per_line,
            "wall_s": self.last_s - self.first_s,
        }

    async def wait(self) -> None:
        """Until nothing has come for a while, once something was announced and has come."""
        _say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        self.told_s = time.process_time()
        with self.floor:
            await self.news.wait()
            quiet_s = 0.0
            while quiet_s < QUIET_S:
                self.news.clear()
                try:
                    await asyncio.wait_for(self.news.wait(), SETTLED_S)
                    quiet_s = 0.0
                except TimeoutError:
                    self.settled_s = self._cpu_s() if not quiet_s else self.settled_s
                    quiet_s += SETTLED_S

    def _cpu_s(self) -> float:
        """Of this process, without what the floor takes of it."""
        return time.process_time() - self.floor.own_s


@dataclass(frozen=True)
class Bare:
    """What both floors are made of; their bytes, acknowledgements and idempotence are ours."""

    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    out: str
    done: Done

    async def send(self, record: ConsumerRecord) -> tuple[asyncio.Future[RecordMetadata], int]:
        """Transformed and handed over: what confirms it, and its lines."""
        line, body = frame.decode(record.value)
        head = ChargesReceived.model_validate_json(line)
        normalized, _, lines = normalize(head, body, SETTINGS)
        value = frame.encode(normalized.model_dump_json().encode(), lines)
        return await self.producer.send(self.out, value, key=record.key), head.lines


async def single(bare: Bare) -> None:
    """Each message is confirmed and committed before the next one."""
    async for record in bare.consumer:
        bare.done.begin()
        confirmed, lines = await bare.send(record)
        await confirmed
        await bare.consumer.commit()
        bare.done.end(lines)


async def batched(bare: Bare) -> None:
    """All that was fetched is handed over, then confirmed together, then committed once."""
    while True:
        fetched = await bare.consumer.getmany(timeout_ms=1000)
        if not fetched:
            continue
        bare.done.begin()
        sent = [await bare.send(record) for some in fetched.values() for record in some]
        await asyncio.gather(*(confirmed for confirmed, _ in sent))
        await bare.consumer.commit()
        for _, lines in sent:
            bare.done.end(lines)


async def loop(
    s: ServerSettings, done: Done, mode: str, work: Callable[[Bare], Awaitable[None]]
) -> None:
    """Consume, transform, produce, commit: by hand, over the same bytes."""
    consumer = AIOKafkaConsumer(
        s.topic(IN),
        bootstrap_servers=s.kafka,
        group_id=s.topic(mode),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=BYTES_MAX,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=s.kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=BYTES_MAX // 2,
    )
    await producer.start()
    await consumer.start()
    working = asyncio.ensure_future(work(Bare(consumer, producer, s.topic(OUT), done)))
    await done.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await consumer.stop()
    await producer.stop()


async def service(s: ServerSettings, done: Done) -> None:
    """The normalizer's process, but for probes and jobs."""
    store = ServerStore.open(s, clock=SystemClock())
    built = normalizer.app.build(records=store.records, outbox=store.outbox)
    store.bus.mount(_counted(built, done))
    await store.start()
    while not await store.bus.joined():  # noqa: ASYNC110 - only the broker knows
        await asyncio.sleep(0.05)
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


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    gc.set_threshold(100_000, 50, 100)  # as `chassis.servers.process` has it, so the floors too
    pages = pages_of(generate_large(20, 1000))
    settings, done, mode = ServerSettings(), Done(FloorWithin(pages)), sys.argv[1]
    if mode == "service":
        asyncio.run(service(settings, done))
    else:
        work = {"single": single, "batched": batched}[mode]
        asyncio.run(loop(settings, done, mode, work))
    _say(json.dumps(done.told()))


if __name__ == "__main__":
    main()
