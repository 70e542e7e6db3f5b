"""Around all else: how many requests came, how they were answered, and how long that took.

By the route's template: an id in a label would be a series of its own for each.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import metrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """ASGI middleware. A request is counted when its answer begins, so a stream is counted, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                took_s = time.perf_counter() - began
                path = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                status = str(message["status"])
                metrics.add(metrics.REQUESTS, method=method, route=path, status=status)
                metrics.add(metrics.REQUEST, took_s, method=method, route=path)
            await send(message)

        await self._app(scope, receive, answered)
