"""One call to a vendor: budget, token, request, and the answer or the failure it stands for.

Reads are repeated within limits. A write is sent once; what is not known to have failed is unknown.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httpx

from chassis.clock import Clock
from chassis.errors import Failure, PermanentError, TransientError, UnknownOutcome
from chassis.http import (
    NEVER_SENT,
    AnswerTooLarge,
    Limits,
    Retries,
    read_capped,
    read_repeatedly,
)
from vendors.observed import count_call, count_wait, observed
from vendors.outcomes import Look, Outcome, Refuse, SignIn, Statuses, Wait, said
from vendors.tokens import Tokens

type Params = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it has a token; `about` names what it is for, in an error's sentence."""

    method: str
    url: str
    about: str
    params: Params | None = None
    content: bytes | None = None
    media_type: str = "application/json"
    secrets: tuple[str, ...] = field(default=(), repr=False)  # of what is in `content`


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    status: int
    body: bytes


@asynccontextmanager
async def unlimited() -> AsyncIterator[None]:
    """The call budget of somebody who has none."""
    yield


async def unheard(seconds: float) -> None:
    """Nobody wants to know that the vendor asked to wait."""


@dataclass(frozen=True, slots=True)
class Line:
    """What every call of a connection shares: the client, the budget, the clock, the limits."""

    http: httpx.AsyncClient
    clock: Clock
    call: Callable[[], AbstractAsyncContextManager[None]] = unlimited
    blocked: Callable[[float], Awaitable[None]] = unheard
    retries: Retries = field(default_factory=Retries)
    limits: Limits = field(default_factory=Limits)


class Calls:
    """The calls to one vendor over one connection."""

    def __init__(
        self,
        vendor: str,
        line: Line,
        *,
        statuses: Mapping[str, Statuses],
        token_request: Callable[[], Request] | None = None,
        tokens: Tokens | None = None,
        authorization: str | None = None,
    ) -> None:
        """`statuses` by what is asked: token, read, write.

        A vendor without tokens is given its `authorization` header with every call.
        """
        assert (token_request is None) != (authorization is None), "one way to sign in"
        self._vendor, self._line = vendor, line
        self._token_request, self._authorization = token_request, authorization
        self._statuses = statuses
        self._tokens = tokens or Tokens(line.clock)

    async def read(self, request: Request) -> bytes:
        """The body of a 2xx answer."""
        return await self.read_as(request, lambda body: body)

    async def read_as[T](self, request: Request, parse: Callable[[bytes], T]) -> T:
        """The parsed body; ValueError from `parse` is a torn or foreign body and is read again."""

        async def once() -> T:
            body = (await self._signed(request, self._statuses["read"])).body
            try:
                return parse(body)
            except ValueError as torn:
                why = str(torn).partition("\n")[0] + f": {body[:60]!r}"
                if body.lstrip().startswith(b"<"):
                    why = "a web page came: check the address and any proxy"
                text = f"{request.about}: the answer is not readable ({why})"
                raise TransientError(f"{self._vendor}-answer", text) from torn

        return await read_repeatedly(once, self._line.retries, self._line.clock)

    async def write[T](self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Sent once. An answer that can not be parsed is an unknown outcome: it was accepted."""
        body = (await self._signed(request, self._statuses["write"])).body
        try:
            return parse(body)
        except ValueError as torn:
            text = f"{request.about}: accepted, but the answer is not readable"
            raise UnknownOutcome(f"{self._vendor}-outcome-unknown", text) from torn

    async def scope(self) -> str:
        """The scopes that the token says it has."""
        return (await self._tokens.current(self._fetch_token)).scope

    async def open(self, request: Request) -> bytes:
        """A read that needs no sign-in."""

        async def once() -> bytes:
            return (await self._send(request, None, self._statuses["read"])).body

        return await read_repeatedly(once, self._line.retries, self._line.clock)

    async def _fetch_token(self) -> bytes:
        assert self._token_request is not None, "a vendor without tokens is asked for none"
        asked = self._token_request()

        # Asking for a token changes nothing at the vendor, so it may be repeated, also for a write.
        async def once() -> bytes:
            return (await self._send(asked, None, self._statuses["token"])).body

        return await read_repeatedly(once, self._line.retries, self._line.clock)

    async def _signed(self, request: Request, statuses: Statuses) -> Answer:
        if self._authorization is not None:
            return await self._send(request, self._authorization, statuses)
        token = await self._tokens.current(self._fetch_token)
        try:
            return await self._send(request, f"Bearer {token.value}", statuses)
        except _TokenRefused:
            token = await self._tokens.current(self._fetch_token, refused=token.value)
        try:
            return await self._send(request, f"Bearer {token.value}", statuses)
        except _TokenRefused as refused:
            raise PermanentError(refused.code, refused.text) from None

    async def _send(self, request: Request, signed: str | None, statuses: Statuses) -> Answer:
        async with self._line.call():
            with observed(self._vendor, request.method, request.url):
                return await self._exchange(request, signed, statuses)

    async def _exchange(self, request: Request, signed: str | None, statuses: Statuses) -> Answer:
        headers = {"Accept": "application/json"}
        if signed is not None:
            headers["Authorization"] = signed
        if request.content is not None:
            headers["Content-Type"] = request.media_type
        prepared = self._line.http.build_request(
            request.method,
            _parsed(request.url),
            params=_written(request.params),
            content=request.content,
            headers=headers,
        )
        try:
            response = await self._line.http.send(prepared, stream=True)
            try:
                body = await read_capped(response, self._line.limits.answer_max_bytes)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, AnswerTooLarge) as broken:
            count_call(self._vendor, request.method, None)
            raise self._broken(request, broken, statuses) from broken
        count_call(self._vendor, request.method, response.status_code)
        if response.is_success:
            return Answer(response.status_code, body)
        raise await self._failure(request, response, body, statuses.of(response.status_code))

    def _broken(self, request: Request, error: Exception, statuses: Statuses) -> Failure:
        """No answer came, or none that can be held."""
        why = f"{request.about}: {type(error).__name__} {error}".rstrip()
        if isinstance(error, NEVER_SENT):
            host = httpx.URL(request.url).host
            text = f"{host} can not be reached: {why}. Check the address and the network"
            return TransientError(f"{self._vendor}-unreachable", text)
        if isinstance(statuses.server, Look):
            return UnknownOutcome(statuses.server.code, f"{why}. {statuses.server.advice}")
        if isinstance(error, AnswerTooLarge):
            return PermanentError(f"{self._vendor}-answer", f"{request.about}: answer too large")
        return TransientError(f"{self._vendor}-no-answer", why)

    async def _failure(
        self, request: Request, response: httpx.Response, body: bytes, outcome: Outcome
    ) -> Failure:
        words = said(body, _sent_secretly(request, response.request))
        text = f"{request.about}: {response.status_code}" + (f" {words}" if words else "")
        text = f"{text}. {outcome.advice}"
        match outcome:
            case Refuse(code):
                return PermanentError(code, text)
            case Look(code):
                return UnknownOutcome(code, text)
            case SignIn(code):
                return _TokenRefused(code, text)
            case Wait(code):
                count_wait(self._vendor, response.status_code)
                asked_s = retry_after_s(response.headers.get("Retry-After"), self._line.clock)
                asked_s = outcome.wait_s if asked_s is None else asked_s
                if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    await self._line.blocked(asked_s or self._line.retries.wait_max_s)
                return TransientError(code, text, retry_after_s=asked_s)


class _TokenRefused(Failure):
    """Between two methods here only: never leaves this module."""


async def side_by_side[T](reads: Iterable[Awaitable[T]]) -> list[T]:
    """All results in order; the first failure ends the others, so no call outlives its caller."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def retry_after_s(header: str | None, clock: Clock) -> float | None:
    """Seconds, from seconds or from an HTTP date; None when it says nothing of use."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - clock.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _sent_secretly(request: Request, sent: httpx.Request) -> list[str]:
    """What an answer may repeat and nobody may read: a token, a pair of keys, each of the pair."""
    signed = sent.headers.get("Authorization", "").partition(" ")[2]
    found = [*request.secrets, signed]
    with suppress(ValueError):
        pair = base64.b64decode(signed, validate=True).decode()
        found += [pair, pair.partition(":")[2]]
    return found


_parsed = lru_cache(maxsize=64)(httpx.URL)  # pages of a list differ in their parameters only


def _written(params: Params | None) -> dict[str, str] | None:
    if params is None:
        return None
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
    }
