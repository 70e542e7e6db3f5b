"""HTTP/1.1 over asyncio's own streams: the transport under every vendor call.

A pipeline reads thousands of pages, and httpx's usual transport spends ten times what this one does
on each: it goes through two more libraries, and looks at every chunk in Python. This knows what
calls to a JSON API need: one request at a time on a connection, kept for the next one, TLS by
name, an answer of known length, in chunks, or up to the end. What it does not understand is a
`RemoteProtocolError`, and its connection is closed. Failures are httpx's, by what they say of the
request (see `chassis.http`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import httpx

_BUFFER_BYTES = 1024 * 1024  # that much arrives without the loop being told to stop reading
_IDLE_S = 5.0  # longer than that, and the other side may be closing it
_EMPTY = frozenset({204, 304})

type Headers = list[tuple[bytes, bytes]]


class _Place(NamedTuple):
    """What a connection leads to: it serves no other."""

    host: str
    port: int
    tls_name: str | None  # None: without TLS


@dataclass(slots=True)
class _Connection:
    place: _Place
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since_s: float = 0.0

    def close(self) -> None:
        """At once: nobody waits for what the other side still has to say."""
        self.writer.transport.abort()


class _Waits(NamedTuple):
    """Seconds for each step of one request; None: without end."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None


class Wire(httpx.AsyncBaseTransport):
    """At most so many requests at a time; a connection whose answer was read whole is kept."""

    def __init__(self, connections: int, tls: ssl.SSLContext | None = None) -> None:
        self._free = asyncio.Semaphore(connections)
        self._idle: dict[_Place, list[_Connection]] = {}
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpx.create_ssl_context(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        waits = _Waits(**request.extensions.get("timeout", {}))
        with _failing(httpx.PoolTimeout, httpx.PoolTimeout):
            async with asyncio.timeout(waits.pool):
                await self._free.acquire()
        connection: _Connection | None = None
        try:
            connection = await self._connected(_place_of(request), waits)
            await _send(connection, request, waits)
            status, headers = await _head(connection, waits)
            body = _Body(self, connection, request.method, status, headers, waits)
        except BaseException:
            self._ended(connection, keep=False)
            raise
        return httpx.Response(status, headers=headers, stream=body)

    async def aclose(self) -> None:
        """Connections in use are closed by those who use them."""
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    async def _connected(self, place: _Place, waits: _Waits) -> _Connection:
        now_s = asyncio.get_running_loop().time()
        idle = self._idle.get(place, [])
        while idle:
            connection = idle.pop()
            if now_s - connection.idle_since_s < _IDLE_S and not connection.reader.at_eof():
                return connection
            connection.close()
        with _failing(httpx.ConnectError, httpx.ConnectTimeout):
            async with asyncio.timeout(waits.connect):
                reader, writer = await asyncio.open_connection(
                    place.host,
                    place.port,
                    limit=_BUFFER_BYTES,
                    ssl=self._tls if place.tls_name is not None else None,
                    server_hostname=place.tls_name,
                )
        return _Connection(place, reader, writer)

    def _ended(self, connection: _Connection | None, *, keep: bool) -> None:
        """One request is over."""
        self._free.release()
        if connection is None:
            return
        if keep:
            connection.idle_since_s = asyncio.get_running_loop().time()
            self._idle.setdefault(connection.place, []).append(connection)
        else:
            connection.close()


def _place_of(request: httpx.Request) -> _Place:
    url = request.url
    if url.scheme == "https":
        return _Place(url.host, url.port or 443, request.extensions.get("sni_hostname", url.host))
    if url.scheme == "http":
        return _Place(url.host, url.port or 80, None)
    raise httpx.UnsupportedProtocol(f"{url.scheme} is not spoken here")


async def _send(connection: _Connection, request: httpx.Request, waits: _Waits) -> None:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    odd = any(b"\n" in line or b"\r" in line for line in lines)
    if odd or "transfer-encoding" in request.headers:
        raise httpx.LocalProtocolError("only plain headers and a body of known length are sent")
    body = b"".join([part async for part in request.stream])  # type: ignore[union-attr]
    with _failing(httpx.WriteError, httpx.WriteTimeout):
        connection.writer.write(b"\r\n".join([*lines, b"", body]))
        async with asyncio.timeout(waits.write):
            await connection.writer.drain()


async def _head(connection: _Connection, waits: _Waits) -> tuple[int, Headers]:
    """Status and headers of the final answer."""
    while True:
        with _failing(httpx.ReadError, httpx.ReadTimeout):
            async with asyncio.timeout(waits.read):
                head = await connection.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        version, _, rest = first.partition(b" ")
        status = rest[:3]
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit():
            raise httpx.RemoteProtocolError(f"no HTTP/1.1 answer: {first[:60]!r}")
        headers = [_header(line) for line in lines]
        if version == b"HTTP/1.0":
            headers.append((b"connection", b"close"))
        if int(status) >= httpx.codes.OK:
            return int(status), headers


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip():
        raise httpx.RemoteProtocolError(f"no header: {line[:60]!r}")
    return name.lower(), value.strip(b" \t")


class _Body(httpx.AsyncByteStream):
    """The answer's bytes as they come; closing it ends the request."""

    def __init__(
        self,
        wire: Wire,
        connection: _Connection,
        method: str,
        status: int,
        headers: Headers,
        waits: _Waits,
    ) -> None:
        said = {name: [v for n, v in headers if n == name] for name, _ in headers}
        coding = b",".join(said.get(b"transfer-encoding", ())).lower()
        lengths = set(said.get(b"content-length", ()))
        if coding not in (b"", b"chunked") or len(lengths) > 1:
            raise httpx.RemoteProtocolError("an answer of no clear length")
        if not all(length.isdigit() for length in lengths):
            raise httpx.RemoteProtocolError("an answer of no length")
        self._chunked = bool(coding)
        self._left = None if coding or not lengths else int(lengths.pop())
        if method == "HEAD" or status in _EMPTY:
            self._chunked, self._left = False, 0
        closes = b"close" in b",".join(said.get(b"connection", ())).lower()
        self._keep = not closes and (self._chunked or self._left is not None)
        self._wire, self._connection, self._waits = wire, connection, waits
        self._whole = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _failing(httpx.ReadError, httpx.ReadTimeout):
            if self._chunked:
                while size := await self._chunk_size():
                    yield (await self._exactly(size + 2))[:-2]
                while await self._line():
                    pass  # trailers say nothing of use
            elif self._left is None:
                while part := await self._some():
                    yield part
            else:
                while self._left:
                    part = await self._exactly(min(self._left, _BUFFER_BYTES))
                    self._left -= len(part)
                    yield part
        self._whole = True

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._wire._ended(self._connection, keep=self._keep and self._whole)

    async def _chunk_size(self) -> int:
        size = (await self._line()).partition(b";")[0].strip()
        try:
            return int(size, 16)
        except ValueError:
            raise httpx.RemoteProtocolError(f"no chunk: {size[:60]!r}") from None

    async def _line(self) -> bytes:
        async with asyncio.timeout(self._waits.read):
            return (await self._connection.reader.readuntil(b"\r\n"))[:-2]

    async def _exactly(self, size: int) -> bytes:
        async with asyncio.timeout(self._waits.read):
            return await self._connection.reader.readexactly(size)

    async def _some(self) -> bytes:
        async with asyncio.timeout(self._waits.read):
            return await self._connection.reader.read(_BUFFER_BYTES)


@contextmanager
def _failing(
    broken: type[httpx.TransportError], late: type[httpx.TimeoutException]
) -> Iterator[None]:
    """What streams raise as what httpx says of it. A TimeoutError is an OSError: it comes first."""
    try:
        yield
    except TimeoutError as slow:
        raise late(str(slow)) from slow
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as torn:
        raise httpx.RemoteProtocolError(f"the answer is not whole: {torn}") from torn
    except OSError as error:
        raise broken(str(error)) from error
