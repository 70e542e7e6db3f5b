"""Refusals as problem details (RFC 9457): a stable code, one sentence, a page that says what to do.

{"type": "<runbook>/run-unknown.md", "title": "run-unknown", "status": 404, "detail": "…",
 "code": "run-unknown", "request": "…"}
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from chassis.errors import Failure, PermanentError, TransientError
from chassis.log import logger, redact

RUNBOOK = "https://github.com/chargeline/chargeline/blob/main/docs/runbook"
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable and has a page at `type`; `request` names it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request: str


# What every route may answer besides what it is asked for.
RESPONSES: dict[int | str, dict[str, Any]] = {
    of: {
        "description": about,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for of, about in (("4XX", "Refused: nothing was done"), ("5XX", "It failed, or is away"))
}

# By code; else by how it ends; else 409: the request is right, what stands is in its way.
_STATUS = {
    "not-signed-in": HTTPStatus.UNAUTHORIZED,
    "sign-in-refused": HTTPStatus.UNAUTHORIZED,
    "second-factor-missing": HTTPStatus.UNAUTHORIZED,
    "provider-refused": HTTPStatus.UNAUTHORIZED,
    "sign-in-again": HTTPStatus.UNAUTHORIZED,
    "not-allowed": HTTPStatus.FORBIDDEN,
    "login-not-linked": HTTPStatus.FORBIDDEN,
    "not-subscribed": HTTPStatus.FORBIDDEN,
    "cross-site": HTTPStatus.FORBIDDEN,
    "password-weak": HTTPStatus.UNPROCESSABLE_ENTITY,
    "code-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "passkey-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too-many-attempts": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-requests": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-calls": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-streams": HTTPStatus.TOO_MANY_REQUESTS,
    "not-found": HTTPStatus.NOT_FOUND,
    "webhook-address": HTTPStatus.UNPROCESSABLE_ENTITY,
    "parked-missing": HTTPStatus.NOT_FOUND,
    "explain-elsewhere": HTTPStatus.NOT_FOUND,
    "request-invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "settings-changed": HTTPStatus.PRECONDITION_FAILED,
    "ready-changed": HTTPStatus.PRECONDITION_FAILED,
    "if-match-missing": HTTPStatus.PRECONDITION_REQUIRED,
    "idempotency-key-reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "bug": HTTPStatus.INTERNAL_SERVER_ERROR,
}
_ROUTED: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
}
_ENDINGS = {"-unknown": HTTPStatus.NOT_FOUND, "-invalid": HTTPStatus.UNPROCESSABLE_ENTITY}

_log = logger("rest")


def status_of(code: str) -> int:
    """The HTTP status of a code."""
    if code in _STATUS:
        return _STATUS[code]
    return next((s for end, s in _ENDINGS.items() if code.endswith(end)), HTTPStatus.CONFLICT)


def problem(request: Request, code: str, detail: str, status: int | None = None) -> JSONResponse:
    """The answer; its `request` is what the log knows it by."""
    status = status or status_of(code)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="chargeline"'
    body = {
        "type": f"{RUNBOOK}/{code}.md",
        "title": code,
        "status": status,
        "detail": redact(detail),
        "code": code,
        "request": getattr(request.state, "request_id", ""),
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with the problem among its schemas."""
    found = FastAPI.openapi(app)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    return found


def sentences(error: ValidationError) -> str:
    """What is wrong and where; what was given stays out, for it may be a secret."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in found)


def _told(error: Exception) -> str:
    return sentences(error) if isinstance(error, ValidationError) else str(error)


def install(app: FastAPI) -> None:
    """Every way in which a route can fail ends in a problem."""
    app.openapi = lambda: described(app)  # type: ignore[method-assign]

    @app.exception_handler(PermanentError)
    async def refused(request: Request, error: PermanentError) -> JSONResponse:
        return problem(request, error.code, error.text)

    @app.exception_handler(Failure)
    async def away(request: Request, error: Failure) -> JSONResponse:
        status = _STATUS.get(error.code, HTTPStatus.SERVICE_UNAVAILABLE)
        answer = problem(request, error.code, error.text, status)
        wait_s = error.retry_after_s if isinstance(error, TransientError) else None
        answer.headers["Retry-After"] = str(max(1, round(wait_s or 5)))
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}"
            for e in jsonable_encoder(error.errors(), exclude={"input", "ctx", "url"})
        ]
        return problem(request, "request-invalid", "; ".join(found))

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> JSONResponse:
        """No such path, or no such method on it."""
        code = _ROUTED.get(error.status_code, "request-invalid")
        answer = problem(request, code, str(error.detail), error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("rest-bug", code="bug", text=f"{type(error).__name__}: {_told(error)}")
        return problem(request, "bug", "this is a fault of Chargeline's: the log names it")
