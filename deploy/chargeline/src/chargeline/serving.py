"""The gateway's REST application over the system of this process, and the first key to it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from chargeline.system import System
from chassis.errors import PermanentError
from chassis.servers.health_http import PortTaken, serving
from gateway.domain.access import Scope
from gateway.keys import ApiKeys
from gateway.rest.api import Api
from gateway.rest.app import build
from gateway.signin.oidc import providers_from

KEY_FILE = "operator-key"


@asynccontextmanager
async def rest(
    system: System, host: str, port: int, origin: str | None = None
) -> AsyncIterator[str]:
    """Serve it meanwhile; its address. Sandboxes in this process are under `/sandbox`."""
    where = origin or f"http://localhost:{port}"
    store = system.store
    providers = providers_from(os.environ)
    api = Api.build(system.gateway, store.outbox, system.connections, where, providers)
    app = build(api)
    if isinstance(system.options.transport, httpx.ASGITransport):
        app.mount("/sandbox", system.options.transport.app)
    try:
        async with serving(app, host, port) as given:
            yield f"http://{host}:{given}"
    except PortTaken as taken:
        raise PermanentError("port-taken", f"{taken}: name another one with --port") from None


async def first_key(system: System, folder: Path) -> Path | None:
    """An operator's key for a platform that has none, in a file that only its owner reads."""
    keys = ApiKeys(system.store.outbox, system.options.clock)
    if await keys.of(None):
        return None
    made = await keys.make(None, "first", frozenset({Scope.OPERATE}), "chargeline up")
    path = folder / KEY_FILE
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(made.text + "\n")
    return path
