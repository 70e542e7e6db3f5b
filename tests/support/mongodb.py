"""Records on a MongoDB, the commands it is asked for, and a way there on which answers get lost."""

from __future__ import annotations

import asyncio
import itertools
import os
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import bson
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from chassis.clock import SystemClock
from chassis.servers import indexes
from chassis.servers.client import open_client
from chassis.servers.records import MongoRecords
from chassis.servers.settings import ServerSettings

# What the store asks of a server, and no more: whoever runs another server can hold it to these.
WRITES = frozenset({"insert", "update", "delete", "createIndexes"})
READS = frozenset({"find", "getMore", "aggregate", "listCollections", "listIndexes"})
UPKEEP = frozenset({"endSessions", "killCursors"})  # the driver's own, at the end
KNOWN = WRITES | READS | UPKEEP

THINGS = "things"
_HEADER = struct.Struct("<iiii")
_OP_MSG, _FLAGS_AND_KIND = 2013, 5
_numbers = itertools.count()


class Commands(CommandListener):
    """Every command that was sent, with what it said."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append((event.command_name, dict(event.command)))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""

    @property
    def names(self) -> Counter[str]:
        return Counter(name for name, _ in self.sent)

    def are_known(self) -> None:
        unknown = set(self.names) - KNOWN
        assert not unknown, f"the store asks for {unknown}: list it, every server has to know it"


def mongo_settings(uri: str, **changes: object) -> ServerSettings:
    """A database that nobody else has; no bus."""
    own = {"namespace": f"m{os.getpid()}x{next(_numbers)}-", "kafka": "nowhere:1", "mongodb": uri}
    return ServerSettings.model_validate({"request_timeout_s": 5.0, **own, **changes})


@asynccontextmanager
async def mongo_records(
    settings: ServerSettings, *, listener: CommandListener | None = None, prepared: bool = True
) -> AsyncIterator[MongoRecords]:
    """Records with the indexes that production has."""
    if prepared:
        await indexes.apply(settings, (*indexes.COLLECTIONS, THINGS))
    client = open_client(settings, [listener] if listener else [])
    try:
        yield MongoRecords(client[settings.database], SystemClock())
    finally:
        await client.close()


class LosingProxy:
    """Stands before a server; answers to the command named in `loses` never arrive.

    The server has done its work by then: the connection breaks, and nobody knows. `on_loss` runs
    before the break, while the driver still waits.
    """

    def __init__(self, uri: str) -> None:
        place = urlsplit(uri)
        assert place.port, f"{uri} names no one server"
        self._server = place.hostname, place.port
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.loses: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.on_loss: Callable[[], Awaitable[None]] | None = None

    @property
    def uri(self) -> str:
        assert self._listening is not None, "it listens"
        return f"mongodb://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}/?directConnection=true"

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening is not None, "it listens"
        self._listening.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server's callback is a task"
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has gone, and so does the other
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(*self._server)
        try:
            while True:
                asked = await _message(reader)
                server.write(asked)
                answer = await _message(answers)
                if self._loses(_command(asked)):
                    if self.on_loss is not None:
                        await self.on_loss()
                    return
                writer.write(answer)
                await writer.drain()
        finally:
            server.close()

    def _loses(self, command: str) -> bool:
        if not self.loses[command]:
            return False
        self.loses[command] -= 1
        self.lost[command] += 1
        return True


async def _message(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(_HEADER.size)
    length = _HEADER.unpack(header)[0]
    return header + await reader.readexactly(length - _HEADER.size)


def _command(message: bytes) -> str:
    """The first field's name says what a command is."""
    if _HEADER.unpack_from(message)[3] != _OP_MSG:
        return ""
    at = _HEADER.size + _FLAGS_AND_KIND
    size = struct.unpack_from("<i", message, at)[0]
    return next(iter(bson.decode(message[at : at + size])))
