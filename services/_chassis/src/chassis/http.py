"""HTTP towards vendors: one client factory with limits, and repeated reads.

What httpx raises, and what it says about a request:

    httpx.ConnectError, ConnectTimeout, PoolTimeout   never left this machine: it did not happen
    httpx.TransportError, any other                   may have arrived: a write is unknown
    AnswerTooLarge                                    it was answered, with too much to hold

Addresses typed by a tenant are not to be trusted: see GuardedTransport.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import random
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError

# httpcore imports sniffio, which it does not need under asyncio, on every call; where it is not
# installed each of these looks through all folders again. This makes it miss at once.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Resolve = Callable[[str, int], Awaitable[list[str]]]

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)

# Ranges that carry another address inside them, or that no vendor lives in, on top of what
# `ipaddress` calls not global; its `is_global` alone lets several of these pass.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)


_HTTPS = 443
_PORTS_OF_OTHERS = (
    1024  # below it live mail, shells and name servers; a HaloPSA of one's own, above
)


class AnswerTooLarge(Exception):  # noqa: N818 - named for what happened
    """More bytes than the caller is ready to hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time-outs and sizes of one client; `answer_max_bytes` counts after decompression."""

    connect_s: float = 10.0
    read_s: float = 60.0
    write_s: float = 30.0
    pool_s: float = 60.0
    connections: int = 16
    answer_max_bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a read is tried and how long between; `jitter` gives a share of the wait in [0, 1].

    A wait that the other side asks for is honoured up to `wait_max_s`; a longer one is the job's
    to wait out, so it is raised at once.
    """

    attempts: int = 5
    first_wait_s: float = 1.0
    wait_max_s: float = 20.0
    jitter: Callable[[], float] = random.random  # spreads load; nothing is decided by it

    def wait_s(self, attempt: int, asked_s: float | None) -> float:
        """Before try `attempt + 1`: what was asked for, else doubling with jitter."""
        if asked_s is not None:
            return asked_s
        doubled = min(self.wait_max_s, self.first_wait_s * 2.0 ** (attempt - 1))
        return doubled * (0.5 + 0.5 * self.jitter())


async def read_repeatedly[T](read: Callable[[], Awaitable[T]], retries: Retries, clock: Clock) -> T:
    """The result of a read that may be repeated: TransientError is tried again, within limits."""
    failed: TransientError | None = None
    try:
        return await read()  # nearly every read: what repeats it is set up when it is needed
    except TransientError as first:
        failed = first

    async def next_try() -> T:
        nonlocal failed
        if failed is not None:
            first, failed = failed, None
            raise first
        return await read()

    def again(error: BaseException) -> bool:
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return isinstance(error, TransientError) and (asked or 0.0) <= retries.wait_max_s

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return retries.wait_s(state.attempt_number, asked)

    trying = AsyncRetrying(
        sleep=clock.sleep,
        stop=stop_after_attempt(retries.attempts),
        wait=wait,
        retry=retry_if_exception(again),
        reraise=True,
    )
    return await trying(next_try)


def open_http(
    *,
    limits: Limits | None = None,
    sandbox: bool = False,
    loopback: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    resolve: Resolve | None = None,
) -> httpx.AsyncClient:
    """A client for hosts that a tenant names; `transport` in place of the network.

    `sandbox` lets every address pass; `loopback` lets this machine's own pass, and no other.
    """
    limits = limits or Limits()
    pool = httpx.Limits(
        max_connections=limits.connections, max_keepalive_connections=limits.connections
    )
    # httpcore loads this on the first call, which would hold up the loop for some 30 ms.
    importlib.import_module("anyio._backends._asyncio")
    # trust_env is off: a proxy or a .netrc from the environment would see the credentials.
    inner = transport or httpx.AsyncHTTPTransport(limits=pool, trust_env=False)
    return httpx.AsyncClient(
        transport=GuardedTransport(
            inner, sandbox=sandbox, loopback=loopback, resolve=resolve or _resolve
        ),
        timeout=httpx.Timeout(
            connect=limits.connect_s, read=limits.read_s, write=limits.write_s, pool=limits.pool_s
        ),
        cookies=_NoCookies(),
        follow_redirects=False,
        trust_env=False,
    )


class _NoCookies(CookieJar):
    """One client serves all tenants: what a host sets on one's answer must not go with another's.

    It also spares every answer the search for cookies.
    """

    def extract_cookies(self, response: object, request: object) -> None:
        """Nothing is kept."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to public addresses over https only, and to exactly the address it has checked.

    The name is resolved once per request and the connection goes to the address found, so a name
    that points elsewhere a moment later gains nothing. In a sandbox everything passes, http too;
    with `loopback`, this machine's own addresses do.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        sandbox: bool,
        resolve: Resolve,
        loopback: bool = False,
    ) -> None:
        self._inner, self._sandbox, self._resolve = inner, sandbox, resolve
        self._loopback = loopback

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        plain = self._sandbox or self._loopback
        if url.scheme != "https" and not (plain and url.scheme == "http"):
            raise PermanentError("vendor-address", f"{url.host} must be reached over https")
        if self._sandbox:
            return await self._inner.handle_async_request(request)
        failed: httpx.ConnectError | None = None
        port = url.port or _HTTPS
        if port != _HTTPS and port < _PORTS_OF_OTHERS:
            raise PermanentError(
                "vendor-address", f"port {port} of {url.host} is another service's"
            )
        for address in await checked_addresses(
            url.host, port, self._resolve, loopback=self._loopback
        ):
            pinned = httpx.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,  # Host stays the name
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx.ConnectError as refused:  # nothing was sent: the next one may answer
                failed = refused
        raise failed or httpx.ConnectError(f"{url.host} has no address")

    async def aclose(self) -> None:
        await self._inner.aclose()


async def checked_addresses(
    host: str, port: int, resolve: Resolve, *, loopback: bool = False
) -> list[str]:
    """All addresses of the host, if every one of them is public; in a stable order."""
    try:
        found = [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        found = sorted(set(await resolve(host, port)))
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not is_public(address) and not (loopback and address.is_loopback):
            raise PermanentError("vendor-address", f"{host} leads to what is not a public address")
    return found


def is_public(address: Address) -> bool:
    """Whether a vendor may live there: no private, local, tunnelled or reserved range."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _REFUSED)


async def read_capped(response: httpx.Response, max_bytes: int) -> bytes:
    """The body of a streamed response; AnswerTooLarge as soon as it is longer than that."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as unknown:
        raise httpx.ConnectError(f"{host} can not be resolved") from unknown
    return [str(row[4][0]) for row in rows]
