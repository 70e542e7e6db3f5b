"""One replica of a service as a process: it notes what it handles until it is asked to stop.

Run as a script: JOURNAL, and how many seconds a message takes. Settings come from the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace

from chassis.clock import SystemClock
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body
from support.embedded import Sent, service
from support.served import QUICK


async def main(journal: str, takes_s: float) -> None:
    settings = ServerSettings.model_validate({})
    store = ServerStore.open(
        settings, clock=SystemClock(), delivery=replace(QUICK, handler_timeout_s=20.0)
    )
    file = os.open(journal, os.O_WRONLY | os.O_APPEND)

    def note(what: str, key: str = "-", number: int = -1) -> None:
        line = f"{os.getpid()} {what} {key} {number} {time.monotonic_ns()}\n"
        os.write(file, line.encode())

    async def on_sent(head: Sent, body: Body) -> None:
        key = (await body.load()).decode()
        note("begins", key, head.number)
        await asyncio.sleep(takes_s)
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


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
