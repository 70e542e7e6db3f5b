"""Incoming webhooks: addresses for vendors to call, and the one door that they call at.

What comes in is a hint. It is not read but for a name to know its repetitions by; what it sets
going is an ordinary read of the vendor.
"""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from chassis.errors import PermanentError
from gateway.incoming import USER, Hook
from gateway.rest.api import Administrator, api_of
from gateway.rest.paging import Page
from gateway.rest.writing import WriteRoute, show_once
from schemas.ids import content_hash, digest

router = APIRouter(route_class=WriteRoute, tags=["webhooks"])
door = APIRouter(tags=["webhooks"])

BODY_BYTES_MAX = 256 * 1024
_NAME_CHARS_MAX = 200

VendorName = Annotated[str, Path(max_length=32)]


class Address(BaseModel):
    """A vendor's address as far as anybody sees it. `refused_at`: called with a wrong password."""

    vendor: str
    made_at: datetime
    made_by: str
    heard_at: datetime | None
    refused_at: datetime | None


class NewAddress(Address):
    """What to enter at the vendor, shown this once. `authorization` says name and password both."""

    url: str
    username: str
    password: str
    authorization: str


class Heard(BaseModel):
    """It was heard."""

    heard: bool = True


@router.get("/tenants/{tenant}/incoming")
async def list_addresses(caller: Administrator) -> Page[Address]:
    """The vendors that may call, and when they did last."""
    return Page(items=[_shown(hook) for hook in await caller.api.incoming.of(caller.tenant)])


@router.post("/tenants/{tenant}/incoming/{vendor}", status_code=HTTPStatus.CREATED)
async def make_address(caller: Administrator, vendor: VendorName, request: Request) -> NewAddress:
    """An address for the vendor, in place of the one before, which is unknown from now on."""
    api = caller.api
    made = await api.incoming.make(caller.tenant, vendor, caller.principal.name)
    await caller.audit("incoming-made", about=vendor)
    show_once(request)
    return NewAddress(
        **_shown(made.hook).model_dump(),
        url=f"{api.sign_in.origin}/v1/hooks/{made.secret}",
        username=USER,
        password=made.password,
        authorization=made.authorization,
    )


@router.delete("/tenants/{tenant}/incoming/{vendor}", status_code=HTTPStatus.NO_CONTENT)
async def forget_address(caller: Administrator, vendor: VendorName) -> None:
    """The vendor's calls are unknown from now on."""
    await caller.audit("incoming-forgotten", about=vendor)
    await caller.api.incoming.forget(caller.tenant, vendor)


@door.post("/hooks/{secret}")
async def hear(request: Request, secret: str) -> Heard:
    """A vendor says that there is something new.

    Whoever does not know the whole address, name and password is told what anybody is told on a
    path that does not exist.
    """
    api = api_of(request)
    hook = await api.incoming.called(secret, request.headers.get("Authorization", ""))
    if hook is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    delivery = _delivery_in(await _body_of(request))
    await api.gateway.hints.take(hook, delivery)
    return Heard()


async def _body_of(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise PermanentError("body-too-large", f"a call has at most {BODY_BYTES_MAX} bytes")
    return body


def _delivery_in(body: bytes) -> str:
    """The vendor's own name for the call, else what its bytes add up to."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    name = told.get("id") if isinstance(told, dict) else None
    if isinstance(name, str) and 0 < len(name) <= _NAME_CHARS_MAX:
        return digest("delivery", name)
    return content_hash(body)


def _shown(hook: Hook) -> Address:
    return Address(**hook.model_dump(include=set(Address.model_fields)))
