"""How a process is, over HTTP: alive, ready, and its numbers for Prometheus.

/healthz   503: only a new process helps
/readyz    503: it takes no part right now, and will again by itself
/metrics   docs/metrics.md
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

type Complaints = Callable[[], Awaitable[Sequence[str]]]


class PortTaken(Exception):  # noqa: N818 - named for what happened
    """Nobody could ask the process how it is."""


@dataclass
class Health:
    """What the two probes ask: sentences about what is wrong, none when all is well."""

    alive: Complaints
    ready: Complaints


def probes(health: Health) -> list[Route]:
    """Alive, and ready."""

    async def healthz(_request: Request) -> Response:
        return _answer(await health.alive())

    async def readyz(_request: Request) -> Response:
        return _answer(await health.ready())

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def app_of(health: Health, registry: CollectorRegistry) -> Starlette:
    """The three routes."""

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[*probes(health), Route("/metrics", metrics)])


@asynccontextmanager
async def serving(
    app: ASGIApp, host: str, port: int, drain_s: float | None = None
) -> AsyncIterator[int]:
    """Serve it meanwhile; the port, which the system hands out for 0.

    At the end no connection is taken any more, and requests in hand have `drain_s` to be answered.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise PortTaken(f"{host} port {port} can not be served ({error.strerror})") from None
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=None if drain_s is None else max(1, round(drain_s)),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _answer(complaints: Sequence[str]) -> Response:
    if complaints:
        return JSONResponse({"status": "no", "why": list(complaints)}, status_code=503)
    return JSONResponse({"status": "ok"})
