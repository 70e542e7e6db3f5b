"""The transport under vendor calls: what it reads, what it keeps, and what it says of a failure."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chassis.wire import Wire

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TORN = httpx.RemoteProtocolError
OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Length: 2\r\n\r\nok"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Vendor:
    """Answers each request with the next of its answers, byte for byte, then hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = next(
                (int(x[15:]) for x in head.lower().split(b"\r\n") if x[:15] == b"content-length:"),
                0,
            )
            self.asked.append(head + await reader.readexactly(length))
            writer.write(self.answers.pop(0))
            await writer.drain()
        writer.close()


@asynccontextmanager
async def served(
    serve: Serve, connections: int = 4, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls[0] if tls else None)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(connections, tls[1] if tls else None)
    async with httpx.AsyncClient(transport=wire, timeout=5.0) as http:
        yield http, f"{'https' if tls else 'http'}://127.0.0.1:{port}/a?b=c%20d"
    server.close()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (PLAIN, b"ok"),
        (OK + b"content-length:2\r\n\r\nok", b"ok"),
        (CHUNKS + b"2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n", b"ok!"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
    ],
)  # fmt: skip
async def test_an_answer_is_read_whole_and_its_connection_is_kept(
    answer: bytes, body: bytes
) -> None:
    vendor = Vendor(answer, answer)
    async with served(vendor.serve) as (http, url):
        for _ in range(2):
            assert (await http.get(url)).content == body
    assert vendor.connections == 1
    assert vendor.asked[0].startswith(b"GET /a?b=c%20d HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_not_used_again(answer: bytes) -> None:
    vendor = Vendor(answer, answer)
    async with served(vendor.serve) as (http, url):
        for _ in range(2):
            assert (await http.get(url)).text == "ok"
    assert vendor.connections == 2


async def test_an_answer_without_a_length_goes_up_to_the_end() -> None:
    vendor = Vendor(OK + b"\r\nall of it")
    async with served(vendor.serve) as (http, url):
        assert (await http.get(url)).text == "all of it"


async def test_a_body_is_sent_with_its_length_and_a_large_answer_comes_in_parts() -> None:
    large = b"x" * 3_000_000
    vendor = Vendor(b"HTTP/1.1 201 Created\r\nContent-Length: 3000000\r\n\r\n" + large)
    async with served(vendor.serve) as (http, url):
        answer = await http.post(url, content=b"{}")
    assert (answer.status_code, answer.content == large) == (201, True)
    assert vendor.asked[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", TORN),
        (b"HTTP/1.1 200", TORN),
        (b"SSH-2.0-x\r\n\r\n", TORN),
        (OK + b"no header\r\n\r\n", TORN),
        (OK + b"Content-Length: 2\r\n\r\no", TORN),
        (OK + b"Content-Length: -2\r\n\r\no", TORN),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!", TORN),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", TORN),
        (CHUNKS + b"none\r\n", TORN),
        (CHUNKS + b"9\r\nok", TORN),
    ],
)  # fmt: skip
async def test_a_torn_or_foreign_answer_is_a_failure_and_the_next_request_starts_anew(
    answer: bytes, failure: type[Exception]
) -> None:
    first, second = Vendor(answer), Vendor(PLAIN)
    vendors = [first, second]

    async def one_after_the_other(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await vendors.pop(0).serve(reader, writer)

    async with served(one_after_the_other, connections=1) as (http, url):
        with pytest.raises(failure):
            await http.get(url)
        assert (await http.get(url)).text == "ok"


async def test_a_connection_that_the_vendor_closed_meanwhile_is_not_used() -> None:
    vendor = Vendor(PLAIN)
    async with served(vendor.serve) as (http, url):
        assert (await http.get(url)).text == "ok"
        await asyncio.sleep(0.01)
        vendor.answers.append(PLAIN)
        assert (await http.get(url)).text == "ok"
    assert vendor.connections == 2


async def test_who_does_not_read_an_answer_to_its_end_leaves_no_connection_behind() -> None:
    vendor = Vendor(PLAIN, PLAIN)
    async with served(vendor.serve, connections=1) as (http, url):
        async with http.stream("GET", url) as answer:
            assert answer.status_code == 200
        assert (await http.get(url)).text == "ok"
    assert vendor.connections == 2


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_each_wait_has_its_own_failure() -> None:
    async with served(silent, connections=1) as (http, url):
        http.timeout = httpx.Timeout(5.0, read=0.01, pool=0.01)
        with pytest.raises(httpx.ReadTimeout):
            await http.get(url)
        http.timeout = httpx.Timeout(5.0, pool=0.01)
        first = asyncio.create_task(http.get(url))
        await asyncio.sleep(0.005)
        with pytest.raises(httpx.PoolTimeout):
            await http.get(url)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_nobody_at_home_never_left_this_machine() -> None:
    async with served(silent) as (http, url):
        pass
    async with httpx.AsyncClient(transport=Wire(1)) as http:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                await http.get(url)


async def test_what_is_not_spoken_here_is_not_sent() -> None:
    async with served(silent) as (http, url):
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.get("ftp://127.0.0.1/")
        with pytest.raises(httpx.LocalProtocolError):
            await http.get(url, headers={"X": "a\r\nHost: other"})


async def test_tls_is_by_name_also_when_the_address_is_pinned(tmp_path: Path) -> None:
    vendor = Vendor(PLAIN, PLAIN, PLAIN)
    async with served(vendor.serve, tls=contexts(tmp_path)) as (http, url):
        named = {"sni_hostname": "vendor.example"}
        assert (await http.get(url, extensions=named)).text == "ok"
        with pytest.raises(httpx.ConnectError):
            await http.get(url, extensions={"sni_hostname": "other.example"})
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's that is `vendor.example`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendor.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("vendor.example")]), False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))
