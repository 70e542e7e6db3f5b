"""The whole system with its REST application before it, and people with keys of their own."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.domain.access import OF_ROLE, Scope
from gateway.rest.api import Api
from gateway.rest.app import build
from support.rest import ORIGIN, Asking
from support.whole import TENANT
from support.world import World

APPROVER = OF_ROLE["approver"]


class Office(World):
    """`ann = await o.somebody("ann")`, then `await ann("GET", "/runs")`."""

    api: Api
    http: httpx.AsyncClient

    async def _open(self) -> None:
        await super()._open()
        store = self.system.store
        self.api = Api.build(self.system.gateway, store.outbox, self.system.connections, ORIGIN)
        transport = httpx.ASGITransport(app=build(self.api), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        await self._stack.enter_async_context(self.http)

    async def somebody(self, name: str, scopes: frozenset[Scope] = APPROVER) -> Asking:
        """Who asks with a key of theirs."""
        made = await self.api.keys.make(TENANT, name, scopes, f"user:{name}")
        return Asking(self.http, TENANT, made.text)

    async def answered(self, who: Asking, path: str, field: str, *values: Any) -> dict[str, Any]:
        """What a path says once the field has one of the values."""
        found: dict[str, Any] = {}

        async def said() -> bool:
            nonlocal found
            found = (await who("GET", path)).json()
            return found[field] in values

        await self.system.wait_for(said)
        return found

    async def events(self, who: Asking, kind: str, count: int) -> list[dict[str, Any]]:
        """What the first events of a kind say, as soon as there are so many."""
        found: list[dict[str, Any]] = []

        async def said() -> bool:
            nonlocal found
            rows = (await who("GET", "/events?limit=200")).json()["items"]
            of_kind = [row["event"] for row in rows if f".{kind}." in row["event"]["type"]]
            found = [event["data"] for event in of_kind]
            return len(found) >= count

        await self.system.wait_for(said)
        return found
