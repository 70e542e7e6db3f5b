"""Around every route: a request id, a limit on bodies, and headers that browsers are bound by."""

from __future__ import annotations

import json
import re
import secrets
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.rest.problems import MEDIA_TYPE, RUNBOOK

BODY_BYTES_MAX = 1024 * 1024
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Hardening:
    """ASGI middleware. `X-Request-Id` is taken over when it is one, and made when it is not."""

    def __init__(self, app: ASGIApp, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if _declared_too_large(scope, self._body_bytes_max):
            await _too_large(answered, request_id, self._body_bytes_max)
            return
        await self._app(scope, _Counted(receive, self._body_bytes_max), answered)


def _declared_too_large(scope: Scope, bytes_max: int) -> bool:
    """True also for a length that is none, for two that differ, and for one beside chunks.

    Another server in front may have read those in its own way: what follows is not looked at.
    """
    lengths = {value for name, value in scope["headers"] if name == b"content-length"}
    digits_max = len(str(bytes_max))
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    return len(lengths) + chunked > 1 or any(
        not one.isdigit() or len(one) > digits_max or int(one) > bytes_max for one in lengths
    )


class _Counted:
    """A body without a declared length is refused as soon as it has become too long."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._left = self._bytes_max = bytes_max

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large_text(self._bytes_max)
                )
        return message


def too_large_text(bytes_max: int) -> str:
    """What is wrong with a request that is too large."""
    return f"a request has at most {bytes_max} bytes"


async def _too_large(send: Send, request_id: str, bytes_max: int) -> None:
    detail = too_large_text(bytes_max)
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    await refuse(send, request_id, status, "body-too-large", detail)


async def _starting(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
    detail = "this process waits for its servers; it answers as soon as they are there"
    request_id = scope["state"]["request_id"]
    status = HTTPStatus.SERVICE_UNAVAILABLE
    await refuse(send, request_id, status, "gateway-starting", detail, (b"retry-after", b"5"))


async def refuse(
    send: Send,
    request_id: str,
    status: HTTPStatus,
    code: str,
    detail: str,
    *more: tuple[bytes, bytes],
) -> None:
    """A problem without an application, on a connection that ends with it."""
    body = {
        "type": f"{RUNBOOK}/{code}.md",
        "title": code,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request": request_id,
    }
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close"), *more]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


away: ASGIApp = Hardening(_starting)
"""What answers while the process waits for its servers: 503, whatever is asked."""
