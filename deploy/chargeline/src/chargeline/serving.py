"""The gateway's REST application over the system of this process, and the first key to it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from chargeline.explaining import Explaining
from chargeline.system import System
from chassis.errors import PermanentError
from chassis.servers.front import Front
from chassis.servers.health_http import Health, PortTaken, serving
from gateway.domain.access import Scope
from gateway.keys import ApiKeys
from gateway.rest.api import Api
from gateway.rest.app import build
from gateway.rest.rates import RateLimits
from gateway.signin.oidc import providers_from

KEY_FILE = "operator-key"
_DRAIN_S = 10.0  # for requests in hand, once it is interrupted


@asynccontextmanager
async def rest(
    system: System, host: str, port: int, origin: str | None = None
) -> AsyncIterator[str]:
    """Serve it and its probes meanwhile; its address. Sandboxes of this process: `/sandbox`."""
    where = origin or f"http://localhost:{port}"
    store = system.store
    providers, limits = providers_from(os.environ), RateLimits.of(os.environ)
    api = Api.build(system.gateway, store.outbox, system.connections, where, providers, limits)
    api = replace(api, explains=Explaining(store.records))
    app = build(api)
    if isinstance(system.options.transport, httpx.ASGITransport):
        app.mount("/sandbox", system.options.transport.app)
    try:
        front = Front(Health(_all_well, _all_well), lambda: app)
        async with serving(front, host, port, _DRAIN_S) as given:
            try:
                yield f"http://{host}:{given}"
            finally:
                api.live.close()  # streams have no end of their own to wait for
    except PortTaken as taken:
        raise PermanentError("port-taken", f"{taken}: name another one with --port") from None


async def _all_well() -> Sequence[str]:
    """It answers, so it is there: store and services are in this process."""
    return ()


async def first_key(system: System, folder: Path) -> Path | None:
    """An operator's key for a platform that has none, in a file that only its owner reads."""
    keys = ApiKeys(system.store.outbox, system.options.clock)
    if await keys.of(None):
        return None
    made = await keys.make(None, "first", frozenset({Scope.OPERATE}), "chargeline up")
    path = folder / KEY_FILE
    path.unlink(missing_ok=True)  # whoever may read an older one may not read this one
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(made.text + "\n")
    return path
