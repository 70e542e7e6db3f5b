"""The normalizer over Kafka against bare loops over the same bytes, and two replicas of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import bound
from bench.row import Row
from bench.server import served
from chassis.clock import SystemClock
from chassis.embedded.store import EmbeddedStore
from chassis.records import Message, Record
from chassis.servers import indexes, topics
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from distributed.cluster import settings_of
from sandbox.generate import generate_large
from schemas import frame
from schemas.messages import ChargesReceived
from servers import Servers, servers

IN = "charges.received.v1"
KAFKA_MAX = 2.0  # CPU per line: at least half of the loop's lines a second and core
SHARE_MIN = 0.35  # of two; the other one then has at most 65 %
GROWTH_MAX = 1.15
CLIENTS, LINES, TIMES = 20, 500, 8
PARTITIONS = 4
RUNS = 1 if "--quick" in sys.argv else 3  # of each, in turns, and the least counts
FLOORS = {"single": "a message a commit", "batched": "a batch a commit"}
KINDS = (*((floor, 1) for floor in FLOORS), ("service", 1), ("service", 2))


def figures() -> Iterator[Row]:
    """All of them, on servers of their own."""
    with servers() as real, tempfile.TemporaryDirectory() as folder:
        yield from consumers(real, batches(Path(folder)))
        yield from bound.by_the_vendor(real, Path(folder))


@dataclass(frozen=True)
class Batches:
    """What is consumed, and the records that it refers to."""

    messages: list[Message]
    records: list[Record]

    @property
    def lines(self) -> int:
        return len(self.messages) * LINES


def batches(folder: Path) -> Batches:
    """What an embedded run left in its log, several times under other keys, and the settings."""
    with served(generate_large(CLIENTS, LINES)) as url:
        sizes = ["--url", url, "--clients", str(CLIENTS), "--lines", str(LINES)]
        command = [sys.executable, "-m", "bench.worker", str(folder / "data"), *sizes]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    store = EmbeddedStore.open(folder / "data", read_only=True)
    try:
        return asyncio.run(_read(store))
    finally:
        store.close()


async def _read(store: EmbeddedStore) -> Batches:
    values = await store.executor.read(
        lambda c: c.execute("SELECT value FROM log WHERE topic = ?", (IN,)).fetchall()
    )
    seen: dict[str, bytes] = {}
    for (value,) in values:
        head = ChargesReceived.model_validate_json(frame.decode(value)[0])
        if head.lines and not head.body:
            seen[head.bill_to] = value
    [settings] = {
        ChargesReceived.model_validate_json(frame.decode(v)[0]).settings for v in seen.values()
    }
    record = await store.records.get("bench", "settings", settings)
    assert record is not None, "the run has stored its settings"
    messages = [
        Message(IN, f"bench/{bill_to}/{n}", value)
        for n in range(TIMES)
        for bill_to, value in seen.items()
    ]
    return Batches(messages, [record])


def consumers(real: Servers, given: Batches) -> Iterator[Row]:
    """The normalizer against the quicker of two bare loops, and two of it against one."""
    runs: dict[tuple[str, int], list[Consumed]] = {kind: [] for kind in KINDS}
    for number in range(RUNS):
        for kind in KINDS:
            runs[kind].append(consumed(real, given, kind, number))
    cost = {kind: min(run.cost for run in some) for kind, some in runs.items()}
    cpu_s = {kind: min(run.cpu_s for run in some) for kind, some in runs.items()}
    quicker = min(FLOORS, key=lambda floor: cost[floor, 1])
    for floor, what in FLOORS.items():
        name = f"  bare loop, {what}{' (the floor)' if floor == quicker else ''}"
        yield Row(name, f"{cost[floor, 1]:.1f} loads")
    one, two = cost["service", 1], cost["service", 2]
    ratio, growth = one / cost[quicker, 1], two / one
    yield Row(
        "normalizer over Kafka: CPU per line",
        f"{one:.1f} loads",
        f"{cost[quicker, 1]:.1f} loads",
        f"{ratio:.2f} x",
        f"{KAFKA_MAX:g} x",
        ratio <= KAFKA_MAX,
    )
    yield _by_the_clock(given, cpu_s["service", 1], cpu_s[quicker, 1])
    pairs = runs["service", 2]
    share = min(run.share for run in pairs)
    yield Row(
        "two replicas: the smaller one's share",
        f"{share:.0%}",
        "",
        "",
        f">{SHARE_MIN:.0%}",
        share >= SHARE_MIN,
    )
    yield Row(
        "two replicas: CPU per line over one's",
        f"{two:.1f} loads",
        f"{one:.1f} loads",
        f"{growth:.2f} x",
        f"{GROWTH_MAX} x",
        growth <= GROWTH_MAX,
    )
    yield _by_the_clock(given, cpu_s["service", 2], cpu_s["service", 1])
    wall = min(run.wall_s for run in runs["service", 1]) / min(run.wall_s for run in pairs)
    yield Row(f"two replicas on {os.cpu_count()} cores: speed over one's", f"{wall:.2f} x")


def _by_the_clock(given: Batches, cpu_s: float, floor_s: float) -> Row:
    """The same in CPU seconds, which a core fills with more work in one moment than in another."""
    times = [f"{s / given.lines * 1e6:.1f} us" for s in (cpu_s, floor_s)]
    return Row("  in CPU seconds, whatever the core gave in them", times[0], times[1])


@dataclass(frozen=True)
class Consumed:
    """What one run's replicas did together; `share`: the smallest one's part of the lines.

    `cost`: CPU per line, in loads of a line by `orjson.loads` in the same process and moments.
    """

    cost: float
    cpu_s: float
    wall_s: float
    share: float


def consumed(real: Servers, given: Batches, kind: tuple[str, int], number: int) -> Consumed:
    """All messages through so many processes of that kind, on topics of their own."""
    mode, replicas = kind
    environment = real.environment | {
        "CHARGELINE_NAMESPACE": f"bench-{mode}{replicas}-{number}-",
        "CHARGELINE_PARTITIONS": str(PARTITIONS),
        "CHARGELINE_SESSION_TIMEOUT_S": "10",
    }
    settings = settings_of(environment)
    asyncio.run(_prepare(settings, given.records))
    command = [sys.executable, "-m", "bench.normalizing", mode]
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(replicas)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "it has its partitions"
    time.sleep(2.0)  # the first one shares with the second
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("messages come\n")
        process.stdin.flush()
    asyncio.run(_publish(settings, given.messages))
    told = [json.loads(p.communicate(timeout=300)[0].splitlines()[-1]) for p in processes]
    lines = [one["lines"] for one in told]
    assert sum(lines) == given.lines, f"all passed, once: {lines}"
    return Consumed(
        cost=sum(one["cpu_s"] / one["floor_s"] for one in told) / given.lines,
        cpu_s=sum(one["cpu_s"] for one in told),
        wall_s=max(one["wall_s"] for one in told),
        share=min(lines) / given.lines,
    )


async def _prepare(settings: ServerSettings, records: list[Record]) -> None:
    await topics.apply(settings)
    await indexes.apply(settings)
    store = ServerStore.open(settings, clock=SystemClock())
    for record in records:
        await store.records.insert(replace(record, outgoing=()))
    await store.stop()


async def _publish(settings: ServerSettings, messages: list[Message]) -> None:
    store = ServerStore.open(settings, clock=SystemClock())
    await store.bus.publish(messages)
    await store.stop()


if __name__ == "__main__":
    for row in figures():
        print(row.text(), flush=True)
