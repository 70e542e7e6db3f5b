"""A gateway over HTTP: the address, the key, and what its answers mean.

A write carries an idempotency key, so that it may be sent again when its answer was lost.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import BaseModel, ValidationError

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError

KEY = "CHARGELINE_API_KEY"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TRIES = 4
_WAIT_S, _WAIT_MAX_S = 0.5, 30.0
_SECONDS = 90.0  # a test of credentials waits for a vendor meanwhile
_AT_WORK = "idempotency-at-work"  # the first of two equal requests is not done yet


class Problem(BaseModel):
    """What a refusal says (RFC 9457)."""

    code: str
    detail: str


class Remote:
    """Requests under one tenant. Refusals are raised as the failures that they were there."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock, tenant: str = "") -> None:
        self._http, self._clock = http, clock
        self.tenant = tenant
        self.url = str(http.base_url)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, environ: Mapping[str, str], clock: Clock) -> AsyncIterator[Self]:
        """Asks first whose the key is: PermanentError if it is nobody's, or an operator's."""
        headers = {"Authorization": f"Bearer {_key(environ)}"}
        base = f"{_address(url)}/v1"
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=_SECONDS) as http:
            who = (await cls(http, clock).ask("GET", "/auth/key")).json()
            if who["tenant"] is None:
                text = "this key is an operator's: use one of the tenant's"
                raise PermanentError("not-allowed", text)
            yield cls(http, clock, who["tenant"])

    async def read(self, path: str, **query: Any) -> httpx.Response:
        """GET something of the tenant."""
        given = {name: value for name, value in query.items() if value is not None}
        return await self.ask("GET", f"/tenants/{self.tenant}{path}", params=given)

    async def page(self, path: str, **query: Any) -> list[Any]:
        """All rows of a list, page after page."""
        rows: list[Any] = []
        cursor = None
        while True:
            told = (await self.read(path, cursor=cursor, **query)).json()
            rows += told["items"]
            cursor = told.get("next")
            if cursor is None:
                return rows

    async def write(
        self, path: str, body: Any = None, *, method: str = "POST", **more: Any
    ) -> httpx.Response:
        """Have something done, once."""
        headers = {"Idempotency-Key": secrets.token_hex(16), **more.pop("headers", {})}
        where = f"/tenants/{self.tenant}{path}"
        return await self.ask(method, where, json=body, headers=headers, **more)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, repeated while it did not happen or nobody knows."""
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(method, path, **more)
            except TransientError as away:
                if tries == _TRIES:
                    raise
                asked_s = away.retry_after_s or _WAIT_S * 2**tries
                await self._clock.sleep(min(asked_s, _WAIT_MAX_S))

    async def _once(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **more)
        except httpx.TransportError as error:
            text = f"{self.url} does not answer ({type(error).__name__})"
            raise TransientError("gateway-unreachable", text) from error
        return _accepted(answer)


def _accepted(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it is a refusal."""
    if answer.is_success:
        return answer
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        text = f"{answer.url.host} answered {answer.status_code}: is that a gateway's address?"
        problem = Problem(code="gateway-address", detail=text)
        if answer.is_server_error:
            problem = Problem(code="gateway-unreachable", detail=text)
    later = answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    if later or problem.code == _AT_WORK:
        asked = answer.headers.get("Retry-After", "")
        wait_s = float(asked) if asked.isdigit() else None
        raise TransientError(problem.code, problem.detail, retry_after_s=wait_s)
    raise PermanentError(problem.code, problem.detail)


def _address(url: str) -> str:
    """Over TLS, but on this machine: the key goes along."""
    found = httpx.URL(url.rstrip("/").removesuffix("/v1"))
    if found.scheme == "https" and found.host:
        return str(found)
    if found.scheme == "http" and found.host in _LOOPBACK:
        return str(found)
    raise PermanentError(
        "gateway-address", f"{url}: a gateway's address begins with https:// (the key goes along)"
    )


def _key(environ: Mapping[str, str]) -> str:
    """From the environment or a file; never an argument, which every process sees."""
    if text := environ.get(KEY, "").strip():
        return text
    if file := environ.get(f"{KEY}_FILE"):
        try:
            return Path(file).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            text = f"{KEY}_FILE: {file} can not be read ({error})"
            raise PermanentError("environment", text) from None
    raise PermanentError("api-key-missing", f"set {KEY} or {KEY}_FILE: a key of the tenant's")
