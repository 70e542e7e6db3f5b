"""A service of these tests as a process: `python -m support.process_of KIND FOLDER`.

`slow` notes what it handles and takes a second for it; `failing` loses its producer; `broken` has a
bug; `calling` calls HaloPSA as often as its tenant's limit lets it, and notes each answer's status.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
from pydantic import SecretStr

from chassis.errors import TransientError
from chassis.http import Retries
from chassis.records import Record
from chassis.servers.process import Parts, main
from chassis.service import Body, Service
from schemas.settings import Settings
from support.embedded import Sent, service
from vendors.connections import Connections

TAKES_S = 1.0
CALLS, CALLERS = 28, 4
LOOK_S = 0.02
_kept: list[asyncio.Task[None]] = []


def slow(parts: Parts, folder: Path) -> Service:
    async def on_sent(head: Sent, body: Body) -> None:
        (folder / "begun").touch()
        await asyncio.sleep(TAKES_S)
        key = f"sent-{head.number}"
        assert await parts.records.insert(Record(head.tenant, "things", key, 0, b"")), "came twice"

    return service(on_sent, "slow")


def failing(parts: Parts, folder: Path) -> Service:
    bus = parts.bus
    failed: asyncio.Event = getattr(bus, "failed")  # noqa: B009 - Kafka's has it
    asyncio.get_running_loop().call_later(TAKES_S, failed.set)
    return Service("failing", ())


def broken(parts: Parts, folder: Path) -> Service:
    raise KeyError(f"nothing at {os.environ['CHARGELINE_MONGODB']}")


def calling(parts: Parts, folder: Path) -> Service:
    statuses = folder / f"statuses-{os.getpid()}"
    settings = Settings.model_validate({"halopsa": {"calls_per_window": CALLS, "window_s": 5.0}})
    connections = Connections(
        parts.vault, parts.http, parts.clock, parts.sandbox, Retries(attempts=1), parts.budgets
    )

    async def note(response: httpx.Response) -> None:
        with statuses.open("a") as file:
            file.write(f"{response.status_code}\n")

    async def call() -> None:
        halo = await connections.halo("msp", settings)
        while True:
            try:
                await halo.currencies()
            except TransientError as used_up:
                await asyncio.sleep(used_up.retry_after_s or LOOK_S)

    async def calls() -> None:
        account = {"client_id": SecretStr("id"), "client_secret": SecretStr("secret")}
        await parts.vault.put("msp", "halopsa", account)
        statuses.touch()
        while not (folder / "go").exists():  # noqa: ASYNC110 - told by the test
            await asyncio.sleep(LOOK_S)
        await asyncio.gather(*(call() for _ in range(CALLERS)))

    parts.http.event_hooks = {"response": [note]}
    _kept.append(asyncio.get_running_loop().create_task(calls()))
    return Service("calling", ())


if __name__ == "__main__":
    KINDS = {"slow": slow, "failing": failing, "broken": broken, "calling": calling}
    kind, folder = sys.argv[1:]
    main(lambda parts: KINDS[kind](parts, Path(folder)))
