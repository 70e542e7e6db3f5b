"""A service of these tests as a process: `python -m support.process_of KIND FOLDER`.

`slow` notes what it handles and takes a second for it; `failing` loses its producer; `broken` has a
bug.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from chassis.records import Record
from chassis.servers.process import Parts, main
from chassis.service import Body, Service
from support.embedded import Sent, service

TAKES_S = 1.0


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


if __name__ == "__main__":
    KINDS = {"slow": slow, "failing": failing, "broken": broken}
    kind, folder = sys.argv[1:]
    main(lambda parts: KINDS[kind](parts, Path(folder)))
