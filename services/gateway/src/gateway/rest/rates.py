"""How much one caller, and one address, may ask of this process: a bucket of tokens each.

A bucket holds what is allowed in a minute and fills up evenly; a request takes one token. Counted
by each process for itself: several replicas allow several times as much. What must hold over all
of them, the tries of a sign-in, is counted in the store.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError
from gateway.rest.hardening import refuse

CALLER, ADDRESS = "CHARGELINE_API_CALLS_PER_MINUTE", "CHARGELINE_API_CALLS_PER_MINUTE_AND_ADDRESS"
_MINUTE_S = 60.0
_BUCKETS_MAX = 50_000  # those of the longest silence go first: they are full again anyway
_V6_PREFIX = 64  # what one customer of a provider has to choose addresses from
_KEY = "rate"


@dataclass(frozen=True)
class RateLimits:
    """Requests a minute: of one key or person, and of one address."""

    caller: int = 3_000
    address: int = 12_000

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """From the environment. PermanentError `environment` for what is no number from 1 on."""
        given = {"caller": environ.get(CALLER), "address": environ.get(ADDRESS)}
        try:
            limits = cls(**{name: int(text) for name, text in given.items() if text})
        except ValueError:
            limits = cls(0, 0)
        if min(limits.caller, limits.address) < 1:
            raise PermanentError("environment", f"{CALLER}, {ADDRESS}: numbers from 1 on")
        return limits


@dataclass(frozen=True)
class Taken:
    """One request, let in or not; what is left, and when the bucket is full or has one again."""

    limit: int
    left: int
    wait_s: int
    allowed: bool

    def headers(self) -> dict[str, str]:
        """As callers read them (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.wait_s),
        }


class Buckets:
    """A bucket for each of whoever asks."""

    def __init__(self, a_minute: int, clock: Clock, buckets_max: int = _BUCKETS_MAX) -> None:
        self._most, self._clock, self._buckets_max = a_minute, clock, buckets_max
        self._found: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, since when

    def take(self, who: str) -> Taken:
        """A token for this request, if there is one."""
        now = self._clock.now().timestamp()
        a_second = self._most / _MINUTE_S
        tokens, since = self._found.pop(who, (float(self._most), now))
        tokens = min(float(self._most), tokens + max(0.0, now - since) * a_second)
        allowed = tokens >= 1
        tokens -= 1 if allowed else 0
        self._found[who] = (tokens, now)
        if len(self._found) > self._buckets_max:
            self._found.popitem(last=False)
        wait_s = (self._most - tokens if allowed else 1 - tokens) / a_second
        return Taken(self._most, int(tokens), max(1, math.ceil(wait_s)), allowed)


class Rates:
    """The buckets of one process."""

    def __init__(self, limits: RateLimits, clock: Clock) -> None:
        self._callers = Buckets(limits.caller, clock)
        self._addresses = Buckets(limits.address, clock)

    def of_caller(self, name: str, scope: Scope) -> None:
        """Taken once it is known who asks. TransientError `too-many-requests` with the wait."""
        _take(self._callers.take(name), scope)

    def of_address(self, scope: Scope) -> None:
        """Taken before anything is done for the request."""
        client = scope.get("client")
        _take(self._addresses.take(_place(client[0] if client else "")), scope)


class Limited:
    """ASGI middleware: an address that asks too much is refused, every answer says what is left."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app, self._rates = app, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answered(message: Message) -> None:
            taken = scope.get("state", {}).get(_KEY)
            if message["type"] == "http.response.start" and taken is not None:
                MutableHeaders(scope=message).update(taken.headers())
            await send(message)

        try:
            self._rates.of_address(scope)
        except TransientError as refused:
            wait = (b"retry-after", str(refused.retry_after_s).encode())
            status = HTTPStatus.TOO_MANY_REQUESTS
            request_id = scope["state"].get("request_id", "")
            await refuse(answered, request_id, status, refused.code, refused.text, wait)
            return
        await self._app(scope, receive, answered)


def _take(taken: Taken, scope: Scope) -> None:
    scope.setdefault("state", {})[_KEY] = taken
    if not taken.allowed:
        text = f"more than {taken.limit} requests a minute: go on in {taken.wait_s} s"
        raise TransientError("too-many-requests", text, retry_after_s=taken.wait_s)


def _place(host: str) -> str:
    """The address, or the network of it that one customer has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4 or address.ipv4_mapped is not None:
        return host
    return str(ipaddress.ip_network((address, _V6_PREFIX), strict=False))
