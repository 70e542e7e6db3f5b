"""Connections: one tenant's account at one vendor. Secrets go in and never come out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.errors import Failure, PermanentError
from gateway.accounts import VENDORS, PickList
from gateway.rest.api import Configurer, Reader, Runner
from gateway.rest.paging import Page
from gateway.rest.writing import WriteRoute
from vendors.halopsa import halo_url

router = APIRouter(route_class=WriteRoute, tags=["connections"])

Vendor = Annotated[str, Path(max_length=32)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Connection(BaseModel):
    """An account as far as anybody sees it. `sealed`: there are credentials."""

    vendor: str
    name: str
    address: str
    sealed: bool
    sandbox: bool


class Credentials(_Body):
    """What opens an account: sealed on arrival. A key pair goes in as id and secret."""

    client_id: Secret
    client_secret: Secret


class Tested(BaseModel):
    """One right: held, missing (false) or not proved (null); then what to do about it."""

    right: str
    ok: bool | None
    to_do: str


class Typed(_Body):
    """A HaloPSA address as people type or paste it."""

    address: str = Field(min_length=1, max_length=500)


class Resolved(BaseModel):
    """What the address comes to, and where that host says that one signs in."""

    url: str
    sign_in: str
    tenant: str
    problem: str = ""


@router.get("/tenants/{tenant}/connections")
async def list_connections(caller: Reader) -> Page[Connection]:
    """Every vendor that there is, with or without an account."""
    return Page(items=await asyncio.gather(*(_shown(caller, vendor) for vendor in VENDORS)))


@router.get("/tenants/{tenant}/connections/{vendor}")
async def read_connection(caller: Reader, vendor: Vendor) -> Connection:
    """One account."""
    return await _shown(caller, vendor)


@router.put("/tenants/{tenant}/connections/{vendor}/credentials")
async def seal_credentials(caller: Configurer, vendor: Vendor, asked: Credentials) -> Connection:
    """Seal the credentials in place of those that were there; no answer ever shows them."""
    _known(vendor)
    opened = caller.api.connections
    settings = await caller.api.gateway.queries.settings(caller.tenant)
    fields = opened.credentials_for(vendor, settings, asked.client_id, asked.client_secret)
    if opened.sandbox is None and "address" not in fields:
        raise PermanentError("vendor-address", "set the address that they are for first")
    await caller.audit("credentials-sealed", about=vendor)
    await caller.api.vault.put(caller.tenant, vendor, fields)
    return await _shown(caller, vendor)


@router.delete("/tenants/{tenant}/connections/{vendor}/credentials")
async def forget_credentials(caller: Configurer, vendor: Vendor) -> Connection:
    """Forget them: jobs of this connection fail from now on, and say so."""
    _known(vendor)
    await caller.audit("credentials-forgotten", about=vendor)
    await caller.api.vault.forget(caller.tenant, vendor)
    return await _shown(caller, vendor)


@router.post("/tenants/{tenant}/connections/{vendor}/test")
async def test_connection(caller: Configurer, vendor: Vendor) -> Page[Tested]:
    """Try the credentials, right by right; a right to write is not proved until it was used."""
    entry = VENDORS[_known(vendor)]
    api = caller.api
    settings = await api.gateway.queries.settings(caller.tenant)
    found = await entry.probe(api.connections, caller.tenant, settings)
    return Page(items=[Tested(right=f.right, ok=f.ok, to_do=f.to_do) for f in found])


@router.post("/tenants/{tenant}/connections/{vendor}/sign-in")
async def sign_in_at_vendor(caller: Runner, vendor: Vendor) -> Connection:
    """Sign in with the credentials and do nothing else: what is refused here is refused at all."""
    entry = VENDORS[_known(vendor)]
    api = caller.api
    settings = await api.gateway.queries.settings(caller.tenant)
    await entry.sign_in(api.connections, caller.tenant, settings)
    return await _shown(caller, vendor)


@router.get("/tenants/{tenant}/connections/{vendor}/lists")
async def read_lists(caller: Reader, vendor: Vendor) -> Page[PickList]:
    """What the defaults are picked from: items, tax codes, income and expense accounts."""
    entry = VENDORS[_known(vendor)]
    api = caller.api
    settings = await api.gateway.queries.settings(caller.tenant)
    return Page(items=await entry.lists(api.connections, caller.tenant, settings))


@router.post("/tenants/{tenant}/connections/halopsa/resolve")
async def resolve_address(caller: Configurer, asked: Typed) -> Resolved:
    """What the address as typed comes to; nothing is stored."""
    api = caller.api
    url = halo_url(asked.address)
    settings = await api.gateway.queries.settings(caller.tenant)
    there = settings.halopsa.model_copy(update={"url": url})
    try:
        found = await api.connections.halo_sign_in(
            caller.tenant, settings.model_copy(update={"halopsa": there})
        )
    except Failure as failure:
        return Resolved(url=url, sign_in="", tenant="", problem=failure.text)
    return Resolved(url=url, sign_in=found.auth_url, tenant=found.tenant_id)


def _known(vendor: str) -> str:
    if vendor not in VENDORS:
        raise PermanentError("vendor-unknown", f"there is no vendor {vendor}")
    return vendor


async def _shown(caller: Reader, vendor: str) -> Connection:
    entry = VENDORS[_known(vendor)]
    api = caller.api
    settings = await api.gateway.queries.settings(caller.tenant)
    sealed = await api.vault.get(caller.tenant, vendor)
    return Connection(
        vendor=vendor,
        name=entry.name,
        address=entry.address(settings),
        sealed=sealed is not None,
        sandbox=api.connections.sandbox is not None,
    )
