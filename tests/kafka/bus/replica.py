"""One replica of a service as a process: it notes what it handles until it is asked to stop.

Its effect is a record, inserted if it is not there. Run as a script: JOURNAL, how many seconds a
message takes, and `blocks` if message 0 is to block whichever process gets it first. Settings come
from the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from chassis.clock import SystemClock
from chassis.records import Record
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body
from support.embedded import Sent, service
from support.served import QUICK

BLOCKS_MAX_S = 60.0


async def main(journal: str, takes_s: float, blocks: str) -> None:
    settings = ServerSettings.model_validate({})
    delivery = replace(QUICK, handler_timeout_s=settings.handler_timeout_s)
    store = ServerStore.open(settings, clock=SystemClock(), delivery=delivery)
    file = os.open(journal, os.O_WRONLY | os.O_APPEND)

    def note(what: str, key: str = "-", number: int = -1) -> None:
        line = f"{os.getpid()} {what} {key} {number} {time.monotonic_ns()}\n"
        os.write(file, line.encode())

    async def on_sent(head: Sent, body: Body) -> None:
        key = (await body.load()).decode()
        note("begins", key, head.number)
        if blocks and head.number == 0:
            block(Path(journal))
        await asyncio.sleep(takes_s)
        if await store.records.insert(Record("msp", "things", f"sent-{head.number}", 0, b"")):
            note("effect", key, head.number)
        note("ends", key, head.number)

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    store.bus.mount(service(on_sent))
    await store.start()
    while not await store.bus.joined():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    note("joined")
    await stopping.wait()
    await store.stop()


def block(journal: Path) -> None:
    """As no handler may: no heartbeat and no poll, until somebody else has done its work.

    It happens once, whoever tries.
    """
    with contextlib.suppress(FileExistsError):
        journal.with_name("blocked").open("x").write(str(os.getpid()))
        ends = time.monotonic() + BLOCKS_MAX_S
        while " effect msp/0 0 " not in journal.read_text():
            if time.monotonic() > ends:
                break
            time.sleep(0.05)


asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
