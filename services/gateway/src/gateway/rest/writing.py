"""Writes that a caller may repeat: `Idempotency-Key`, and `ETag` with `If-Match`.

A write under a key is done once for its caller. Sent again, the same request gets the same answer,
with `Idempotency-Replayed: true`; another request under that key is refused; one that is still at
work answers 409. What failed leaves the key free.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from chassis.table import Stored, Table
from gateway.rest.api import api_of, principal_of
from gateway.store import PLATFORM
from schemas.ids import content_hash, digest

KEY = "Idempotency-Key"
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_KEY_CHARS_MAX = 255
_ABANDONED_S = 60.0  # a process died over it: whoever asks again does it
_NOT_KEPT = {"content-length"}

type Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class Done(BaseModel):
    """What was asked under a key, and what was answered once it was done."""

    model_config = ConfigDict(frozen=True)

    request: str
    started_at: datetime
    status: int | None = None
    headers: dict[str, str] = {}
    body: str = ""  # base64


class WriteRoute(APIRoute):
    """A route whose writes are done once a key."""

    def get_route_handler(self) -> Handle:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            key = request.headers.get(KEY)
            if key is None or request.method not in _WRITES:
                return await inner(request)
            if not 0 < len(key) <= _KEY_CHARS_MAX:
                raise PermanentError("request-invalid", f"{KEY} has 1 to {_KEY_CHARS_MAX} letters")
            return await _once(request, key, inner)

        return handle


async def _once(request: Request, key: str, inner: Handle) -> Response:
    api = api_of(request)
    table = Table(api.outbox, "idempotency", Done)
    # Whoever has lost their right since, by an end of key, session or role, meets no old answer.
    who = await principal_of(request)
    rights = ",".join(sorted(who.scopes))
    name = digest(
        "idempotency", who.name, who.tenant or "", rights, request.method, request.url.path, key
    )
    asked = content_hash(request.url.query.encode() + b"\n" + await request.body())
    now = api.clock.now()
    begun = Done(request=asked, started_at=now)
    if not await table.insert(PLATFORM, name, begun, tags={"day": now.date().isoformat()}):
        there = await table.get(PLATFORM, name)
        if there is not None:
            if there.value.request != asked:
                raise PermanentError(
                    "idempotency-key-reused", f"this {KEY} was used for another request"
                )
            if there.value.status is not None:
                return _replayed(there.value)
            await _taken_over(table, there, begun)
    try:
        answer = await inner(request)
    except BaseException:
        await table.delete(PLATFORM, name)
        raise
    stored = await table.get(PLATFORM, name)
    if stored is not None:
        await table.replace(stored, _kept(begun, answer, shown_once=_shown_once(request)))
    return answer


async def _taken_over(table: Table[Done], there: Stored[Done], begun: Done) -> None:
    """One that has begun long ago died with its process; at work until then."""
    at_work = begun.started_at - there.value.started_at < timedelta(seconds=_ABANDONED_S)
    if at_work or not await table.replace(there, begun):
        raise PermanentError("idempotency-at-work", "the first request under this key is at work")


def show_once(request: Request) -> None:
    """The answer holds a secret: it is not kept, a repetition is told that it was made."""
    request.state.shown_once = True


def _shown_once(request: Request) -> bool:
    return getattr(request.state, "shown_once", False)


def _kept(begun: Done, answer: Response, *, shown_once: bool) -> Done:
    body = b'{"code":"shown-once"}' if shown_once else bytes(answer.body)
    return begun.model_copy(
        update={
            "status": answer.status_code,
            "headers": {k: v for k, v in answer.headers.items() if k not in _NOT_KEPT},
            "body": base64.b64encode(body).decode(),
        }
    )


def _replayed(done: Done) -> Response:
    assert done.status is not None, "it is done"
    body = base64.b64decode(done.body)
    headers = {**done.headers, "Idempotency-Replayed": "true"}
    return Response(body, done.status, headers)


def etag(version: str) -> str:
    """The strong tag of a version."""
    return f'"{version}"'


def expected(if_match: str | None) -> str:
    """The version that the caller has read: a change over something else would be lost."""
    if if_match is None:
        raise PermanentError(
            "if-match-missing", "read it first, and send its ETag back as If-Match"
        )
    return if_match.strip().removeprefix("W/").strip('"')
