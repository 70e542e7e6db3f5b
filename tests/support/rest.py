"""The REST application over an embedded store, and keys to ask it with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyotp
from fastapi import FastAPI

import gateway.app
from chassis.clock import Clock, SystemClock
from chassis.embedded.store import EmbeddedStore
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.vault import Keys, Vault
from gateway.domain.access import OF_ROLE, Scope
from gateway.rest.api import Api
from gateway.rest.app import build
from gateway.sending import Sender
from gateway.signin.oidc import Provider
from support.embedded import open_store
from support.whole import SANDBOX, Vendors
from vendors.connections import Connections

OWNER = OF_ROLE["owner"]
QUICK_JOBS = RunnerSettings(sweep_s=0.02, drain_s=2.0, take_over=True)
ORIGIN = "https://gateway.test"


@dataclass
class Door:
    """The application, a client without a key, and what is behind."""

    app: FastAPI
    api: Api
    http: httpx.AsyncClient
    operator: str
    vendors: Vendors
    store: EmbeddedStore

    async def tenant(self, name: str, scopes: frozenset[Scope] = OWNER) -> Asking:
        """A new tenant, made as an operator makes it, and somebody with a key to it."""
        body = {"tenant": name, "name": name.title(), "terms_accepted": "2026-11"}
        made = await self.http.post("/v1/tenants", json=body, headers=bearer(self.operator))
        assert made.status_code == 201, made.text
        return await self.asking(name, scopes)

    async def asking(self, tenant: str, scopes: frozenset[Scope] = OWNER) -> Asking:
        """Somebody with a new key of those scopes."""
        made = await self.api.keys.make(tenant, "test", scopes, "test")
        return Asking(self.http, tenant, made.text)


@dataclass
class Asking:
    """A caller with a key."""

    http: httpx.AsyncClient
    tenant: str
    key: str

    async def __call__(
        self, method: str, path: str, *, tenant: str | None = None, **more: object
    ) -> httpx.Response:
        """A request under the caller's tenant, or under another one's."""
        headers = {**bearer(self.key), **more.pop("headers", {})}  # type: ignore[dict-item]
        url = f"/v1/tenants/{tenant or self.tenant}{path}"
        return await self.http.request(method, url, headers=headers, **more)  # type: ignore[arg-type]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def open_door(
    folder: Path,
    origin: str = ORIGIN,
    providers: Mapping[str, Provider] | None = None,
    *,
    clock: Clock | None = None,
    sender: Sender | None = None,
    runs: bool = False,
) -> AsyncIterator[Door]:
    """Over a data folder. `runs`: the gateway's own messages and jobs are worked off meanwhile."""
    store = open_store(folder, "thread")
    clock = clock or SystemClock()
    records, outbox = store.records, store.outbox
    vault = Vault(records, Keys((b"k" * 32,)))
    vendors = Vendors()
    inside = httpx.AsyncClient(transport=httpx.ASGITransport(app=vendors.app))
    connections = Connections(vault, inside, clock, SANDBOX)
    sender = sender or Sender(clock, loopback=True)
    jobs = Jobs(records, clock)
    built = gateway.app.build(
        records=records,
        outbox=outbox,
        jobs=jobs,
        vault=vault,
        sender=sender,
        keeps_schedules=False,
    )
    runner = JobRunner(jobs, built.service.jobs, f"test-{id(store)}", QUICK_JOBS)
    if runs:
        store.bus.mount(built.service)
    await store.start()
    running = asyncio.create_task(runner.run()) if runs else None
    api = Api.build(built, outbox, connections, origin, providers)
    app = build(api)
    operator = await api.keys.make(None, "operator", frozenset({Scope.OPERATE}), "test")
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        try:
            yield Door(app, api, http, operator.text, vendors, store)
        finally:
            if running is not None:
                await runner.stop()
                await running
            await inside.aclose()
            await sender.aclose()
            await store.stop()
            store.close()


PASSWORD = "violet-tractor-harbour-19"


@dataclass
class Browser:
    """Somebody at a browser: cookies are kept, and it says where a request comes from."""

    door: Door
    http: httpx.AsyncClient
    seed: str = ""

    async def __call__(self, method: str, path: str, **more: object) -> httpx.Response:
        headers = {"Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}  # type: ignore[dict-item]
        return await self.http.request(method, f"/v1{path}", headers=headers, **more)  # type: ignore[arg-type]

    async def sign_up(self, email: str, invitation: str | None = None) -> httpx.Response:
        """With the password of these tests."""
        body = {"email": email, "name": "", "password": PASSWORD, "invitation": invitation}
        return await self("POST", "/auth/sign-up", json=body)

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        """The first factor."""
        return await self("POST", "/auth/sign-in", json={"email": email, "password": password})

    async def enrol(self) -> list[str]:
        """An authenticator app; the recovery codes."""
        self.seed = (await self("POST", "/auth/totp")).json()["seed"]
        told = await self("POST", "/auth/totp/confirm", json={"code": self.code()})
        assert told.status_code == 200, told.text
        codes: list[str] = told.json()["recovery_codes"]
        return codes

    def code(self, steps: int = 0) -> str:
        """What the app shows, now or some steps later."""
        at = self.door.api.clock.now().timestamp() + 30 * steps
        return pyotp.TOTP(self.seed).at(int(at))


@asynccontextmanager
async def browser(door: Door) -> AsyncIterator[Browser]:
    """A new one, without cookies."""
    transport = httpx.ASGITransport(app=door.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield Browser(door, http)


async def subscribed(door: Door, email: str, *, active: bool = True) -> None:
    """As the operator's billing says it."""
    body = {"email": email, "active": active}
    said = await door.http.put("/v1/subscriptions", json=body, headers=bearer(door.operator))
    assert said.status_code == 200, said.text
