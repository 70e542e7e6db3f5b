"""Tenants, their keys and their audit log."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from chassis.errors import PermanentError
from gateway import audit
from gateway.domain.access import Scope
from gateway.keys import Key
from gateway.rest.api import TENANT_ID, Administrator, Operator, Reader
from gateway.rest.paging import Cursor, Limit, Page, after, page
from gateway.rest.words import Name
from gateway.rest.writing import WriteRoute, show_once
from gateway.tenants import TenantEntry
from schemas.settings import Settings

_LOOKED_AT = 50  # entries: an operator has made the tenant and its key, little more

router = APIRouter(route_class=WriteRoute)

# `operate` is the platform's own.
type TenantScope = Literal[Scope.READ, Scope.CONFIGURE, Scope.RUN, Scope.APPROVE, Scope.ADMINISTER]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTenant(_Body):
    """A tenant to be made. `terms_accepted` names the version of the terms that was accepted."""

    tenant: str = Field(pattern=TENANT_ID)
    name: Name
    timezone: str = "UTC"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    terms_accepted: Name

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name} is no time zone of the IANA list")
        return ZoneInfo(name).key


class MadeKey(BaseModel):
    """A key without what would open anything. `owner`: the person that it counts as."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    created_by: str
    owner: str
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(_Body):
    """A key to be made."""

    name: Name
    scopes: list[TenantScope] = Field(min_length=1, max_length=len(Scope))
    expires_at: AwareDatetime | None = None


class ShownKey(MadeKey):
    """A new key: `token` opens, and is shown this once."""

    token: str


@router.post("/tenants", status_code=HTTPStatus.CREATED, tags=["tenants"])
async def make_tenant(caller: Operator, asked: NewTenant) -> TenantEntry:
    """Make a tenant. Its first key is made with `POST /v1/tenants/{tenant}/keys/first`."""
    api = caller.api
    made = await api.tenants.make(
        asked.tenant, asked.name, caller.principal.name, asked.terms_accepted
    )
    told = asked.model_dump()
    by = caller.principal.name
    await api.audit.add(asked.tenant, by, "tenant-made", after=told, request=caller.request_id)

    def named(s: Settings) -> Settings:
        info = {"name": asked.name, "timezone": asked.timezone, "currency": asked.currency}
        return s.model_copy(update={"tenant": s.tenant.model_copy(update=info)})

    await api.gateway.runs.change_settings(asked.tenant, named)
    return made


@router.get("/tenants", tags=["tenants"])
async def list_tenants(
    caller: Operator, cursor: Cursor = None, limit: Limit = 50
) -> Page[TenantEntry]:
    """All tenants of the platform, by id."""
    found = await caller.api.tenants.page(after(cursor), limit + 1)
    return page(found, [one.tenant for one in found], limit)


@router.post("/tenants/{tenant}/keys/first", status_code=HTTPStatus.CREATED, tags=["keys"])
async def make_first_key(
    caller: Operator,
    tenant: Annotated[str, Path(pattern=TENANT_ID)],
    asked: NewKey,
    request: Request,
) -> ShownKey:
    """The key with which a new tenant begins; an operator sees nothing else of it.

    Made again, it takes the place of the one before, for an answer that was lost; once somebody
    has begun with the tenant there is no other way in than theirs.
    """
    await caller.api.tenants.get(tenant)
    await _nobody_has_begun(caller, tenant)
    return await _made(caller, tenant, asked, request)


@router.get("/tenants/{tenant}", tags=["tenants"])
async def read_tenant(caller: Reader) -> TenantEntry:
    """Who the tenant is."""
    return await caller.api.tenants.get(caller.tenant)


@router.get("/tenants/{tenant}/keys", tags=["keys"])
async def list_keys(caller: Administrator) -> Page[MadeKey]:
    """All keys, newest first; revoked and expired ones too."""
    return Page(items=[_shown(key) for key in await caller.api.keys.of(caller.tenant)])


@router.post("/tenants/{tenant}/keys", status_code=HTTPStatus.CREATED, tags=["keys"])
async def make_key(caller: Administrator, asked: NewKey, request: Request) -> ShownKey:
    """Make a key, of scopes that one has. Its text is in this answer and nowhere else."""
    if not caller.principal.scopes >= set(asked.scopes):
        raise PermanentError("not-allowed", "a key has no scope that its maker has not")
    return await _made(caller, caller.tenant, asked, request)


@router.delete("/tenants/{tenant}/keys/{key_id}", tags=["keys"])
async def revoke_key(
    caller: Administrator, key_id: Annotated[str, Path(max_length=200)]
) -> MadeKey:
    """From now on the key opens nothing."""
    revoked = await caller.api.keys.revoke(caller.tenant, key_id)
    await caller.audit("key-revoked", about=key_id)
    return _shown(revoked)


@router.get("/tenants/{tenant}/audit", tags=["audit"])
async def list_audit(
    caller: Administrator, cursor: Cursor = None, limit: Limit = 50
) -> Page[audit.Entry]:
    """Every change, the first one first; entries are never changed."""
    found = await caller.api.audit.page(caller.tenant, after(cursor), limit + 1)
    return page(found, [audit.key_of(entry.number) for entry in found], limit)


@router.get("/tenants/{tenant}/audit/proof", tags=["audit"])
async def prove_audit(caller: Administrator) -> audit.Proof:
    """Whether every entry follows the one before; what to note, to see that none is taken away."""
    return await caller.api.audit.proof(caller.tenant)


async def _nobody_has_begun(caller: Operator, tenant: str) -> None:
    """PermanentError `tenant-begun` for a tenant with people, or whose keys were worked with."""
    api = caller.api
    keys = await api.keys.of(tenant)
    theirs = {f"key:{key.id}" for key in keys}
    done = await api.audit.page(tenant, "", _LOOKED_AT)
    begun = any(entry.by in theirs for entry in done) or len(done) == _LOOKED_AT
    if begun or await api.sign_in.people.at(tenant):
        raise PermanentError("tenant-begun", f"{tenant} has its own keys and people: ask them")
    for key in keys:
        await api.keys.revoke(tenant, key.id)


async def _made(caller: Operator, tenant: str, asked: NewKey, request: Request) -> ShownKey:
    by, scopes = caller.principal.name, frozenset(asked.scopes)
    made = await caller.api.keys.make(tenant, asked.name, scopes, by, asked.expires_at)
    told = {"name": asked.name, "scopes": sorted(asked.scopes)}
    await caller.api.audit.add(
        tenant, by, "key-made", about=made.key.id, after=told, request=caller.request_id
    )
    show_once(request)
    return ShownKey(**_shown(made.key).model_dump(), token=made.text)


def _shown(key: Key) -> MadeKey:
    return MadeKey(
        **key.model_dump(exclude={"tenant", "digest", "scopes", "owner"}),
        scopes=sorted(key.scopes),
        owner=key.person,
    )
