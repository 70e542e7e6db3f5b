"""One webhook on its way: signed (Standard Webhooks), sent once, its answer judged.

The address is a tenant's own, so it is checked like any that a tenant types: public, https, the
address that was checked is the one connected to, no redirect. Where the vendors are sandboxes,
this machine's own addresses pass, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC
from ipaddress import ip_address

import httpx
from pydantic import SecretStr
from standardwebhooks import Webhook

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.http import NEVER_SENT, Limits, Resolve, is_public, open_http
from chassis.log import redact
from gateway.domain.webhooks import Attempt
from schemas.events import CONTENT_TYPE
from vendors.calls import retry_after_s

_LIMITS = Limits(connect_s=5.0, read_s=10.0, write_s=10.0, pool_s=10.0, connections=64)
_ATTEMPT_S = 15.0  # all of it: an answer that drips does not hold the lane up
_ANSWER_BYTES, _ANSWER_CHARS = 4096, 256
_PORT = 443
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


class Sender:
    """Sends one at a time to wherever it is told. `loopback`: this machine may be told, too."""

    def __init__(
        self,
        clock: Clock,
        *,
        loopback: bool,
        resolve: Resolve | None = None,
        attempt_s: float = _ATTEMPT_S,
    ) -> None:
        self.loopback = loopback
        self._clock = clock
        self._resolve = resolve
        self._attempt_s = attempt_s
        self._http: httpx.AsyncClient | None = None

    def check(self, url: str) -> None:
        """PermanentError `webhook-address` for what can be told from the address alone."""
        try:
            parts = httpx.URL(url)
            host = parts.host  # decoded only here, and not every name can be
        except (httpx.InvalidURL, ValueError) as odd:
            raise _refused("it is no address") from odd
        schemes = ("https", "http") if self.loopback else ("https",)
        if parts.scheme not in schemes or not host or parts.fragment:
            raise _refused("it has to be https://…, without a fragment")
        if parts.userinfo:
            raise _refused("an address holds no user name or password")
        if not self.loopback and parts.port not in (None, _PORT):
            raise _refused(f"its port has to be {_PORT}")
        self._check_host(parts.raw_host.decode("ascii"))

    async def send(
        self, url: str, event_id: str, body: str, secrets: Sequence[SecretStr]
    ) -> Attempt:
        """One attempt, signed with each of the secrets; whatever happens is told by the attempt."""
        at = self._clock.now()
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "Chargeline",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(
                Webhook(s.get_secret_value()).sign(event_id, at.astimezone(UTC), body)
                for s in secrets
            ),
        }
        told = await self._told(url, headers, body.encode())
        took = self._clock.now() - at
        return told.model_copy(update={"at": at, "duration_ms": round(took.total_seconds() * 1000)})

    async def aclose(self) -> None:
        """Nothing is sent any more."""
        if self._http is not None:
            await self._http.aclose()

    async def _told(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        try:
            self.check(url)
            async with asyncio.timeout(self._attempt_s):
                return await self._exchange(url, headers, body)
        except PermanentError as refused:
            return self._failed("webhook-address", refused.text)
        except NEVER_SENT as away:
            return self._failed("webhook-unreachable", f"{type(away).__name__} {away}")
        except (TimeoutError, httpx.TimeoutException):
            return self._failed("webhook-slow", f"no answer within {self._attempt_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as broken:
            return self._failed("webhook-no-answer", f"{type(broken).__name__} {broken}")

    async def _exchange(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Any 2xx is a yes, whatever it says; how another answer begins is read, and no more."""
        async with self._client().stream("POST", url, headers=headers, content=body) as answer:
            begins = b"" if answer.is_success else await _beginning(answer)
        problem = "" if answer.is_success else "webhook-refused"
        return Attempt(
            at=self._clock.now(),
            duration_ms=0,
            status=answer.status_code,
            problem="webhook-redirects" if answer.is_redirect else problem,
            answer=_shown(begins.decode(errors="replace")),
            retry_after_s=retry_after_s(answer.headers.get("Retry-After"), self._clock),
        )

    def _failed(self, problem: str, text: str) -> Attempt:
        return Attempt(at=self._clock.now(), duration_ms=0, problem=problem, answer=_shown(text))

    def _check_host(self, host: str) -> None:
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            if not all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
                raise _refused("that is no host name") from None
            return  # where a name leads is looked up at each attempt
        if not is_public(address) and not (self.loopback and address.is_loopback):
            raise _refused(f"{host} is not a public address")

    def _client(self) -> httpx.AsyncClient:
        """Made when there is something to send. No connection is kept for somebody else's host."""
        if self._http is None:
            pool = httpx.Limits(max_connections=_LIMITS.connections, max_keepalive_connections=0)
            self._http = open_http(
                limits=_LIMITS,
                loopback=self.loopback,
                transport=httpx.AsyncHTTPTransport(limits=pool, trust_env=False),
                resolve=self._resolve,
            )
        return self._http


async def _beginning(answer: httpx.Response) -> bytes:
    begins = b""
    async for chunk in answer.aiter_raw(_ANSWER_BYTES):
        begins += chunk
        if len(begins) >= _ANSWER_BYTES:
            break
    return begins[:_ANSWER_BYTES]


def _shown(text: str) -> str:
    """Printable, short, and without what looks like a secret."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return redact(plain.strip())[:_ANSWER_CHARS]


def _refused(why: str) -> PermanentError:
    return PermanentError("webhook-address", f"nothing can be sent to this address: {why}")
