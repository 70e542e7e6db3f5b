"""Credentials go to the address they were entered for: who may change an address gets none sent."""

from __future__ import annotations

import httpx
import pytest

from chassis.http import Retries, open_http
from gateway.domain.access import Scope
from support.rest import Asking, Door

SECRET = "planted-secret-of-the-account"
CLERK = frozenset({Scope.READ, Scope.CONFIGURE})


async def moved(who: Asking, vendor: str, url: str) -> None:
    """The settings name another address."""
    headers = {"If-Match": (await who("GET", "/settings")).headers["ETag"]}
    said = await who("PATCH", "/settings", json={vendor: {"url": url}}, headers=headers)
    assert said.status_code == 200, said.text


@pytest.fixture
def heard(door: Door) -> list[httpx.Request]:
    """Everything that is sent to vendors on the internet, each name a public address."""
    heard: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        if "token" in request.url.path:
            return httpx.Response(200, json={"access_token": "t", "expires_in": 60})
        return httpx.Response(403, json={})

    async def resolve(host: str, port: int) -> list[str]:
        assert host
        assert port
        return ["20.50.2.1"]

    door.api.connections.sandbox = None
    door.api.connections.retries = Retries(attempts=1)
    door.api.connections.http = open_http(transport=httpx.MockTransport(answer), resolve=resolve)
    return heard


@pytest.mark.parametrize(
    ("vendor", "own", "other"),
    [
        ("halopsa", "https://acme.halopsa.com", "https://evil.example"),
        ("halopsa", "https://acme.halopsa.com", "https://acme.halopsa.com:8443"),
        ("pax8", "https://api.pax8.com", "https://evil.example"),
        ("huntress", "https://api.huntress.io", "https://evil.example"),
    ],
)
async def test_a_changed_address_gets_no_credentials(
    door: Door, heard: list[httpx.Request], vendor: str, own: str, other: str
) -> None:
    owner = await door.tenant("first")
    clerk = await door.asking("first", CLERK)
    await moved(owner, vendor, own)
    entered = {"client_id": "planted-id", "client_secret": SECRET}
    path = f"/connections/{vendor}"
    assert (await owner("PUT", f"{path}/credentials", json=entered)).status_code == 200
    await owner("POST", f"{path}/test")
    assert heard, "they are sent to their own"
    heard.clear()
    await moved(clerk, vendor, other)
    refused = await clerk("POST", f"{path}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "credentials-elsewhere")
    assert SECRET not in refused.text
    assert heard == []
    entered = {"client_id": "planted-id", "client_secret": SECRET}
    assert (await owner("PUT", f"{path}/credentials", json=entered)).status_code == 200
    await owner("POST", f"{path}/test")
    assert {request.headers["Host"] for request in heard} == {other.removeprefix("https://")}


async def test_credentials_for_no_address_are_not_taken(
    door: Door, heard: list[httpx.Request]
) -> None:
    owner = await door.tenant("first")
    entered = {"client_id": "planted-id", "client_secret": SECRET}
    refused = await owner("PUT", "/connections/halopsa/credentials", json=entered)
    assert (refused.status_code, refused.json()["code"]) == (409, "vendor-address")
    assert heard == []


@pytest.mark.parametrize(
    "typed",
    [
        "127.0.0.1",
        "https://2130706433",
        "0x7f.0.0.1",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "https://10.0.0.5:8443",
        "user:planted@acme.halopsa.com",
        "https://acme.halopsa.com:22",
        "http://[::1]/",
    ],
)
async def test_an_address_of_our_own_is_asked_nothing(
    door: Door, heard: list[httpx.Request], typed: str
) -> None:
    owner = await door.tenant("first")
    told = await owner("POST", "/connections/halopsa/resolve", json={"address": typed})
    assert told.status_code in (200, 409)
    assert "planted" not in told.text
    sent = [request.url.host for request in heard]
    assert sent in ([], ["20.50.2.1"]), "names go where this test's resolver says"
    if told.status_code == 200 and not heard:
        assert told.json()["problem"]
