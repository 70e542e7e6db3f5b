"""Secrets of every kind, planted: none is in what a month says, sends on, or keeps readable."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.http import open_http
from chassis.log import Library
from chassis.servers.store import ServerStore
from chassis.telemetry.exporting import FOLDER, traced
from gateway.rest.app import build
from gateway.signin.oidc import Provider
from support.office import Office
from support.rest import ORIGIN, OWNER, Browser, Door, browser, open_door, subscribed
from support.searching import Search, forms, in_folder, on_servers
from support.virtual_loop import in_virtual_time
from support.whole import TENANT
from support.world import KEYS

ANN = "ann@summit.example"
ODD = 'é"<&/+=%~'  # each way of writing has its own word for these


@dataclass
class Telling(httpx.AsyncBaseTransport):
    """The way to the vendors: every token that passes is planted; some answers repeat the request.

    A vendor that quotes what it was sent is the likeliest way for a secret to get into a log.
    """

    inner: httpx.AsyncBaseTransport
    search: Search
    quotes: list[tuple[str, str, int]] = field(default_factory=list)  # method, path's end, status
    quoted: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        signed = request.headers.get("Authorization", "").partition(" ")[2]
        if signed:
            self.search.plant("an access token, or a pair of keys", signed)
        for one in self.quotes:
            if request.method == one[0] and request.url.path.endswith(one[1]):
                self.quotes.remove(one)
                self.quoted += 1
                sent = (await request.aread()).decode()
                words = f"not accepted: {sent} under {request.headers.get('Authorization')}"
                return httpx.Response(one[2], json={"error_description": words}, request=request)
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@contextlib.contextmanager
def every_word() -> Iterator[None]:
    """What libraries say goes into our log, down to their last word."""
    root, handler = logging.getLogger(), Library()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def heard(search: Search, http: httpx.AsyncClient) -> None:
    """Every answer is looked at, but for the cookies that are the browser's own."""

    async def answered(response: httpx.Response) -> None:
        body = await response.aread()
        headers = [f"{k}: {v}" for k, v in response.headers.items() if k != "set-cookie"]
        place = f"answer {response.request.method} {response.request.url.path}"
        search.look(place, body + "\n".join(headers).encode())

    http.event_hooks["response"].append(answered)


async def accounts(office: Office, search: Search) -> None:
    """Credentials of every vendor, by REST; tried while the vendors quote what they are sent."""
    owner = await office.somebody("owner", OWNER)
    search.plant("an API key", owner.key.rpartition("_")[2])
    told = office.system.connections.http._transport._inner  # type: ignore[attr-defined]
    assert isinstance(told, Telling)
    ends = {"pax8": "/token", "halopsa": "/token", "huntress": "/account"}
    for vendor, end in ends.items():
        planted = search.plant(f"the secret of {vendor}", f"planted-{vendor}-s3cret {ODD}")
        entered = {"client_id": f"id-of-{vendor}", "client_secret": planted}
        sealed = await owner("PUT", f"/connections/{vendor}/credentials", json=entered)
        assert sealed.status_code == 200, sealed.text
        told.quotes.append(("GET" if vendor == "huntress" else "POST", end, 401))
        await owner("POST", f"/connections/{vendor}/test")
        assert not told.quotes, f"{vendor} was asked at {end}"
        tried = await owner("POST", f"/connections/{vendor}/test")
        assert tried.status_code == 200, tried.text
    torn = search.plant("a secret in a torn body", "planted-torn-s3cret").encode()
    for wrong in (b'{"client_id":"x","client_secret":"' + torn, b"[]"):
        await owner("PUT", "/connections/pax8/credentials", content=wrong)
    read = await owner("GET", "/settings")
    password = search.plant("a password in an address", "planted-address-p4ss")
    patch = {"halopsa": {"url": f"https://me:{password}@acme.halopsa.com"}}
    headers = {"If-Match": read.headers["ETag"]}
    assert (await owner("PATCH", "/settings", json=patch, headers=headers)).status_code == 422
    typed = {"address": f"me:{password}@acme.halopsa.com"}
    await owner("POST", "/connections/halopsa/resolve", json=typed)
    made = (await owner("POST", "/keys", json={"name": "k", "scopes": ["read"]})).json()
    search.plant("an API key", made["token"].rpartition("_")[2], "/keys")
    hook = {"url": "http://127.0.0.1:9/hook"}
    made = (await owner("POST", "/webhooks", json=hook)).json()
    search.plant("a webhook's secret", made["secret"].removeprefix("whsec_"), "/webhooks")
    path = f"/webhooks/{made['id']}/secret"
    rotated = (await owner("POST", path)).json()["secret"]
    search.plant("a webhook's secret", rotated.removeprefix("whsec_"), path)
    address = (await owner("POST", "/incoming/halopsa")).json()
    shown_by = "/incoming/halopsa"
    search.plant("an incoming password", address["password"], shown_by)
    search.plant("a secret path", address["url"].rpartition("/")[2], shown_by)
    there = address["url"].removeprefix(ORIGIN)
    wrong_basic = ("chargeline", search.plant("a wrong password", "planted-wrong-p4ss"))
    await owner.http.post(there, auth=wrong_basic, json={"id": "1"})
    right = {"Authorization": address["authorization"]}
    await owner.http.post(there, headers=right, json={"id": "1"})
    for path in ("/connections", "/keys", "/audit", "/webhooks", "/incoming", "/settings"):
        assert (await owner("GET", path)).status_code == 200


async def month(office: Office) -> None:
    """A run with vendors that fail and that quote what they are sent; its statement."""
    for kind in ("empty_500", "html", "rate_limit", "unauthorized"):
        await office.vendors.fault("pax8", kind=kind)
    for kind in ("lost_answer", "empty_500"):
        await office.vendors.fault("halopsa", kind=kind, method="POST", path="/Invoice")
    told = office.system.connections.http._transport._inner  # type: ignore[attr-defined]
    told.quotes.append(("POST", "/Invoice", 400))
    ran = await office.bill()
    await office.again(ran)
    assert told.quoted >= 4
    ann = await office.somebody("reader", OWNER)
    run = ran.run.run
    for path in ("", "/batches", "/plans", "/statement", "/statement.csv", "/statement.html"):
        assert (await ann("GET", f"/runs/{run}{path}")).status_code == 200
    for path in ("/audit", "/webhooks", "/parked", "/runs"):
        await ann("GET", path)


async def people(office: Office, search: Search) -> None:
    """Somebody signs up, enrols an app, fails, gets in, and comes back by a recovery code."""
    owner = await office.somebody("inviter", OWNER)
    asked = {"email": ANN, "role": "owner"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    search.plant("an invitation", token, "/invitations")
    password = search.plant("a password", f"planted violet harbour 19 {ODD}")
    store: Any = office.system.store
    door = Door(build(office.api), office.api, office.http, "", office.vendors, store)
    async with browser(door) as ann:
        heard(search, ann.http)
        body = {"email": ANN, "password": password, "invitation": token}
        assert (await ann("POST", "/auth/sign-up", json={**body, "email": password})).is_error
        told = await ann("POST", "/auth/sign-up", json=body)
        assert told.status_code == 201, told.text
        codes = await enrolled(ann, search)
        await ann("GET", "/auth/session")
        await ann("GET", "/auth/sessions")
        await ann("GET", f"/tenants/{TENANT}/audit")
        await ann("DELETE", "/auth/session")
        wrong = search.plant("a wrong password", f"planted wrong harbour 19 {ODD}")
        await ann.sign_in(ANN, wrong)
        assert (await ann.sign_in(ANN, password)).status_code == 200
        await ann("POST", "/auth/code", json={"code": "planted-wrong-code"})
        assert (await ann("POST", "/auth/code", json={"code": codes[0]})).status_code == 200
        for name in ann.http.cookies:
            search.plant(f"the cookie {name}", ann.http.cookies[name])
        assert len(ann.http.cookies) == 2
        await ann("POST", "/auth/code", json={"code": codes[1] * 3})
        await ann("POST", "/auth/passkeys/options")
        await ann("POST", "/auth/passkeys", json={"answer": {"id": wrong}})


async def enrolled(ann: Browser, search: Search) -> list[str]:
    """The seed and the codes are shown once each."""
    for name in ann.http.cookies:
        search.plant(f"the cookie {name}, half open", ann.http.cookies[name])
    codes = await ann.enrol()
    search.plant("a seed", ann.seed, "/auth/totp")
    for code in codes:
        search.plant("a recovery code", code, "/auth/totp/confirm")
    return codes


async def kept(office: Office, search: Search) -> None:
    """Everything in the store, as whoever steals it would read it."""
    store = office.system.store
    if isinstance(store, ServerStore):
        async for place, said in on_servers(store.records._database):
            search.look(place, said)
        return
    for place, said in in_folder(office.folder):
        search.look(place, said)


def test_no_secret_is_said_sent_on_or_kept_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = Search()
    for key in KEYS.keys:
        search.plant("the vault's key", key.hex())

    async def story() -> None:
        office = Office(tmp_path / "data")
        async with office:
            inside = Telling(httpx.ASGITransport(app=office.app), search)
            office.system.connections.http = open_http(sandbox=True, transport=inside)
            heard(search, office.http)
            await accounts(office, search)
            await month(office)
            await people(office, search)
            await kept(office, search)

    with every_word(), traced("office", "one", {FOLDER: str(tmp_path / "traces")}):
        in_virtual_time(story())
    said = capsys.readouterr()
    search.look("the log", (said.err + said.out).encode())
    spans = list((tmp_path / "traces").iterdir())
    for file in spans:
        search.look(f"the trace {file.name}", file.read_bytes())
    assert spans
    assert "library" in said.err, "the log is there to be searched"
    assert len({place.split(" ")[0] for place, _ in search.places}) >= 5
    assert len(search.secrets) > 25
    assert search.found() == []


async def test_a_search_finds_a_secret_however_it_is_written() -> None:
    secret = f"planted-{ODD}-secret"
    for form, written in forms(secret).items():
        search = Search()
        search.plant("it", secret)
        search.look("a log", b"before " + written + b" behind")
        assert any(f" as {form} " in said for said in search.found()), form


async def test_what_a_provider_is_told_stays_between_us(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over a real connection to a port at which nobody answers: the client's own words, too."""
    search = Search()
    planted = search.plant("a provider's secret", f"planted-provider-s3cret {ODD}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    provider = Provider("google", "Google", away, "chargeline", SecretStr(planted))
    with every_word():
        async with open_door(tmp_path, providers={"google": provider}) as door:
            heard(search, door.http)
            answer = await door.http.get("/v1/auth/oidc/google/start")
            assert answer.json()["code"] == "provider-away"
            await door.http.get("/v1/auth/oidc")
            await subscribed(door, ANN)
    search.look("the log", "".join(capsys.readouterr()).encode())
    search.look("its repr", repr(provider).encode())
    assert search.found() == []
