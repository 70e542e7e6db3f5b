"""Parked messages: what could not be handled, each with why, and the way on."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict

from chassis.log import redact
from chassis.parked import ParkedMessage, Retried
from gateway.rest.api import Approver, Caller, Reader, Runner
from gateway.rest.paging import Cursor, Limit, Page, after, page
from gateway.rest.words import Name
from gateway.rest.writing import WriteRoute
from schemas import frame

router = APIRouter(route_class=WriteRoute, tags=["parked"])

MessageId = Annotated[str, Path(max_length=200)]
type ParkedState = Literal["parked", "queued", "discarded"]


class ParkedRow(BaseModel):
    """A message that waits. `queued`: only behind one before it; `discarded`: never handled."""

    id: str
    state: ParkedState
    service: str
    topic: str
    key: str
    code: str
    text: str
    attempts: int
    parked_at: datetime
    discarded_by: str
    reason: str


class ParkedShown(ParkedRow):
    """With what it says: its head, null if that can not be read, and the size of its body."""

    head: dict[str, Any] | None
    body_bytes: int


class Went(BaseModel):
    """How far a retry came: messages handled, and what stopped it."""

    handled: int
    code: str | None = None
    text: str = ""


class Discarding(BaseModel):
    """Why it is never to be handled; who decides that is whoever asks."""

    model_config = ConfigDict(extra="forbid")

    reason: Name


@router.get("/tenants/{tenant}/parked")
async def list_parked(
    caller: Reader,
    state: Annotated[ParkedState, Query()] = "parked",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ParkedRow]:
    """What is parked, and why; by id."""
    parking = caller.api.gateway.parking
    found = await parking.list(caller.tenant, state=state, after=after(cursor), limit=limit + 1)
    return page([_row(m) for m in found], [m.id for m in found], limit)


@router.get("/tenants/{tenant}/parked/{message}")
async def show_parked(caller: Reader, message: MessageId) -> ParkedShown:
    """One message, without what looks like a secret; its lines stay where they are."""
    found, value = await _shown(caller, message)
    head, body_bytes = _head(value)
    return ParkedShown(**_row(found).model_dump(), head=head, body_bytes=body_bytes)


@router.post("/tenants/{tenant}/parked/{message}/retry")
async def retry_parked(caller: Runner, message: MessageId) -> Went:
    """Handle it again, and those queued behind it, up to the first that fails."""
    found, _ = await _shown(caller, message)
    before = {"state": found.state, "code": found.code, "attempts": found.attempts}
    await caller.audit("parked-retried", about=message, before=before)
    return _went(await caller.api.gateway.parking.retry(caller.tenant, message))


@router.post("/tenants/{tenant}/parked/{message}/discard")
async def discard_parked(caller: Approver, message: MessageId, asked: Discarding) -> Went:
    """Never handle it: its money stays held. Those queued behind it go on."""
    found, _ = await _shown(caller, message)
    before = {"state": found.state, "code": found.code}
    told = {"state": "discarded", "reason": asked.reason}
    await caller.audit("parked-discarded", about=message, before=before, after=told)
    by, parking = caller.principal.name, caller.api.gateway.parking
    return _went(await parking.discard(caller.tenant, message, by=by, reason=asked.reason))


async def _shown(caller: Caller, message: str) -> tuple[ParkedMessage, bytes]:
    return await caller.api.gateway.parking.show(caller.tenant, message)


def _row(message: ParkedMessage) -> ParkedRow:
    names = ParkedRow.model_fields.keys() - {"service", "text"}
    fields = message.model_dump(include=names)
    return ParkedRow(**fields, service=message.group, text=redact(message.text))


def _head(value: bytes) -> tuple[dict[str, Any] | None, int]:
    """Each text of the head without what looks like a secret."""
    try:
        line, body = frame.decode(value)
        told = json.loads(line)
    except ValueError:
        return None, len(value)
    if not isinstance(told, dict):
        return None, len(body)
    return {str(name): _safe(said) for name, said in told.items()}, len(body)


def _safe(said: Any) -> Any:
    if isinstance(said, str):
        return redact(said)
    if isinstance(said, list):
        return [_safe(one) for one in said]
    if isinstance(said, dict):
        return {name: _safe(one) for name, one in said.items()}
    return said


def _went(retried: Retried) -> Went:
    if retried.cause is None:
        return Went(handled=retried.done)
    return Went(handled=retried.done, code=retried.cause.code, text=redact(retried.cause.text))
