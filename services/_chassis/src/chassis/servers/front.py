"""What answers callers of a process: the probes always, the application once it may."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.servers.health_http import Health, probes


class Front:
    """ASGI. `answers` is asked for each request: the application, or what says that it is away."""

    def __init__(self, health: Health, answers: Callable[[], ASGIApp]) -> None:
        routes = probes(health)
        self._probes = Starlette(routes=routes)
        self._paths = frozenset(route.path for route in routes)
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probed = scope["type"] == "http" and scope["path"] in self._paths
        app = self._probes if probed else self._answers()
        await app(scope, receive, send)
