"""Requests that no honest client sends: sizes, shapes, headers, hosts, and words of the past."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chassis.servers.health_http import serving
from gateway.rest.hardening import BODY_BYTES_MAX
from support.rest import Asking, Door, bearer

JSON = {"Content-Type": "application/json"}


async def without_end(piece: bytes = b"x" * 100_000) -> AsyncIterator[bytes]:
    """A body that says no length."""
    for _ in range(BODY_BYTES_MAX // len(piece) + 2):
        yield piece


async def patched(owner: Asking, body: bytes) -> httpx.Response:
    """Settings, changed over those that stand."""
    tag = (await owner("GET", "/settings")).headers["ETag"]
    headers = {**JSON, "If-Match": tag}
    return await owner("PATCH", "/settings", content=body, headers=headers)


@pytest.mark.parametrize("more", [{}, {"Idempotency-Key": "large"}])
async def test_a_body_without_a_length_is_cut_off(door: Door, more: dict[str, str]) -> None:
    headers = {**bearer(door.operator), **JSON, **more}
    answer = await door.http.post("/v1/tenants", content=without_end(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    answer = await door.http.post("/v1/auth/sign-in", content=without_end(), headers=JSON)
    assert answer.status_code == 413


@pytest.mark.parametrize("lengths", [["9" * 5000], ["-1"], ["1e3"], ["2", "3"], ["٣"]])
async def test_a_length_that_is_none_is_refused(door: Door, lengths: list[str]) -> None:
    headers = [(b"content-length", one.encode()) for one in lengths]
    answer = await door.http.request("POST", "/v1/tenants", headers=headers)
    assert answer.status_code == 413


async def test_a_packed_body_is_not_unpacked(door: Door) -> None:
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as file:
        file.write(b'{"email":"a@b.example","password":"' + b"x" * 50_000_000 + b'"}')
    headers = {**JSON, "Content-Encoding": "gzip"}
    answer = await door.http.post("/v1/auth/sign-in", content=packed.getvalue(), headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("depth", [20, 900, 5_000, 100_000])
@pytest.mark.parametrize(("begin", "end"), [(b'{"tenant":', b"}"), (b"[", b"]")])
async def test_depth_is_refused_and_is_no_fault_of_ours(
    door: Door, depth: int, begin: bytes, end: bytes
) -> None:
    owner = await door.tenant("first")
    body = b'{"policy":' + begin * depth + b"1" + end * depth + b"}"
    answer = await patched(owner, body[: BODY_BYTES_MAX - 1] if depth > 50_000 else body)
    assert answer.status_code in (400, 413, 422)
    assert answer.json()["code"] in ("request-invalid", "body-too-large")


@pytest.mark.parametrize(
    "part",
    [
        b'"halopsa":{"window_s":NaN}',
        b'"halopsa":{"window_s":Infinity}',
        b'"halopsa":{"settle_s":1e400}',
        b'"halopsa":{"settle_s":-1}',
        b'"pax8":{"in_flight":0}',
        b'"pax8":{"calls_per_minute":' + b"9" * 4000 + b"}",
        b'"pax8":{"calls_per_minute":' + b"9" * 5000 + b"}",
        b'"tenant":{"name":"\\ud800"}',
        b'"halopsa":{"url":"https://user:planted@acme.halopsa.com"}',
        b'"pax8":{"url":"https://user:planted@api.pax8.com"}',
        b'"huntress":{"url":"https://user:planted@api.huntress.io"}',
    ],
)
async def test_settings_that_could_not_be_read_back_are_refused(door: Door, part: bytes) -> None:
    owner = await door.tenant("first")
    refused = await patched(owner, b"{" + part + b"}")
    assert refused.status_code in (400, 422)
    assert refused.json()["code"] == "request-invalid"
    assert "planted" not in refused.text
    assert (await owner("GET", "/settings")).status_code == 200, "what stood still stands"
    assert "planted" not in (await owner("GET", "/audit")).text
    whole = (await owner("GET", "/settings")).json()
    name = part.partition(b":")[0].strip(b'"').decode()
    tag = (await owner("GET", "/settings")).headers["ETag"]
    put = b"{" + part + b"}"
    if b"ud800" not in part:
        assert name in whole
        headers = {**JSON, "If-Match": tag}
        refused = await owner("PUT", "/settings", content=put, headers=headers)
        assert refused.status_code in (400, 422)


async def test_a_path_with_a_slash_too_many_leads_nowhere(door: Door) -> None:
    headers = {**bearer(door.operator), "Host": "evil.example"}
    answer = await door.http.get("/v1/tenants/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert "evil" not in answer.text + str(answer.headers)


async def test_no_site_is_let_in_by_the_browser(door: Door) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        answer = await door.http.request(method, "/v1/auth/oidc", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("number", ["%00", "%2e%2e%2f%2e%2e%2fkey", "..%5ckey", "%ff", "a%0d%0ab"])
async def test_an_id_is_an_id_and_no_path(door: Door, number: str) -> None:
    owner = await door.tenant("first")
    for path in (f"/runs/{number}", f"/runs/{number}/statement.csv", f"/connections/{number}"):
        answer = await owner("GET", path)
        assert answer.status_code in (404, 422)
        assert "\r" not in str(answer.headers)


async def test_whoever_lost_their_key_meets_no_old_answer(door: Door) -> None:
    owner, other = await door.tenant("first"), await door.asking("first")
    asked: dict[str, Any] = {
        "json": {"document": "d-1"},
        "headers": {"Idempotency-Key": "begin"},
    }
    begun = await other("POST", "/runs", **asked)
    assert begun.status_code == 202
    assert (await other("POST", "/runs", **asked)).headers["Idempotency-Replayed"] == "true"
    assert (await owner("DELETE", f"/keys/{other.key.split('_')[1]}")).status_code == 200
    late = await other("POST", "/runs", **asked)
    assert (late.status_code, late.json()["code"]) == (401, "not-signed-in")


async def test_a_key_of_idempotency_belongs_to_its_caller(door: Door) -> None:
    owner, second = await door.tenant("first"), await door.tenant("second")
    asked: dict[str, Any] = {
        "json": {"name": "k", "scopes": ["read"]},
        "headers": {"Idempotency-Key": "one"},
    }
    assert (await owner("POST", "/keys", **asked)).status_code == 201
    theirs = await second("POST", "/keys", tenant="first", **asked)
    assert theirs.json()["code"] == "tenant-unknown"
    again = await second("POST", "/keys", **asked)
    assert "Idempotency-Replayed" not in again.headers


async def test_nobody_leaves_anything_behind_under_a_key_of_idempotency(door: Door) -> None:
    headers = {**bearer("ck_0011223344556677_" + "0" * 64), "Idempotency-Key": "x"}
    body = {"name": "k", "scopes": ["read"]}
    refused = await door.http.post("/v1/tenants/first/keys", json=body, headers=headers)
    assert refused.status_code == 401
    day = door.api.clock.now().date().isoformat()
    assert await door.api.outbox.count("-", "idempotency", "day", day) == 0


SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"X-A: b\r\n Content-Length: 50\r\n",
    ],
)
async def test_no_second_request_hides_in_the_first(door: Door, head: bytes) -> None:
    """What follows a head that can be read in two ways is never taken for a request."""
    request = b"POST /v1/auth/sign-in HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n" + SMUGGLED
    async with serving(door.app, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b" 404 " not in answer
