"""The sandbox as a server of its own: one process, one port, a folder that outlives it."""

import asyncio
import socket
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.app import Build, build_app
from sandbox.core import ConnectionBroken


class PortTaken(Exception):  # noqa: N818 - named for what happened
    """Nobody could ask the sandbox anything."""


def serve(
    port: int,
    folder: Path | None,
    *,
    today: date | None = None,
    latency_s: float = 0,
    host: str = "127.0.0.1",
    vendors: dict[str, Build] | None = None,
) -> None:
    """Runs until interrupted. The ready line names the address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise PortTaken(f"{host}:{port} ({getattr(error, 'strerror', None) or error})") from error
    with listening:
        app = build_app(folder, today=today, latency_s=latency_s, vendors=vendors)
        asyncio.run(serving(app, listening))


async def serving(app: ASGIApp, listening: socket.socket) -> None:
    config = uvicorn.Config(HangsUp(app), log_level="error", http="h11", lifespan="off")
    await ReadyServer(config).serve(sockets=[listening])


@dataclass
class HangsUp:
    """A broken connection of the sandbox becomes a closed socket without an answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ConnectionBroken:
            # uvicorn would answer 500. `send` is the method of its request cycle, which has the
            # socket; once that is gone the cycle reports a disconnect and sends nothing.
            send.__self__.transport.abort()  # type: ignore[attr-defined]
            while (await receive())["type"] != "http.disconnect":
                pass


class ReadyServer(uvicorn.Server):
    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        for server in self.servers:
            for each in server.sockets:
                host, port = each.getsockname()[:2]
                print(f"sandbox ready on http://{host}:{port}", flush=True)  # noqa: T201
