"""A process killed at any moment: what it was told is written is there, and the file is whole."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

from chassis.embedded.sqlite import FILE
from chassis.service import Body
from support.embedded import Sent, open_store, service

WRITER = """
import asyncio, sys
from dataclasses import replace
from chassis.embedded import EmbeddedStore
from support.embedded import record, sent

async def main():
    store = EmbeddedStore.open(sys.argv[1])
    start = int(sys.argv[2])
    async def write(n):
        message = sent(n, f"msp/{n % 5}")
        await store.outbox.insert(replace(record(f"{n:09d}", b"x" * 2000), outgoing=(message,)))
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()
    for at in range(start, start + 100_000, 7):
        await asyncio.gather(*(write(n) for n in range(at, at + 7)))

asyncio.run(main())
"""


async def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    random = Random(7)
    acknowledged: set[int] = set()
    for turn in range(4):
        acknowledged |= _write_until_killed(tmp_path, turn * 1_000_000, random.randint(1, 400))
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()

    published: set[int] = set()

    async def on_sent(head: Sent, body: Body) -> None:
        published.add(head.number)

    store = open_store(tmp_path)
    store.bus.mount(service(on_sent))
    await store.start()
    await store.bus.idle()
    stored = await store.executor.read(
        lambda c: {int(key) for (key,) in c.execute("SELECT key FROM records")}
    )
    await store.stop()
    store.close()
    assert len(acknowledged) >= 4
    assert acknowledged <= stored
    assert published == stored, "what is stored is published, and nothing else"


def _write_until_killed(folder: Path, start: int, lines: int) -> set[int]:
    path = os.pathsep.join(p for p in sys.path if p)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(start)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert writer.stdout is not None
    seen = [int(writer.stdout.readline()) for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split(b"\n")[:-1]
    writer.stdout.close()
    writer.wait()
    return {*seen, *(int(line) for line in rest if line)}
