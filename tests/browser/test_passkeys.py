"""Passkeys in a real Chromium with a virtual device: registered, signed in with, refused."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from chassis.servers.health_http import serving
from gateway.signin.passkeys import Passkeys
from support.chromium import opened, with_device
from support.rest import PASSWORD, Door, open_door, subscribed

EMAIL = "ann@summit.example"

# What a page of ours does; `body` is posted as JSON.
SCRIPT = """
const call = async (method, path, body) => {
    const answer = await fetch('/v1' + path, {
        method, credentials: 'same-origin',
        headers: {'Content-Type': 'application/json'},
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    return {status: answer.status, told: await answer.json().catch(() => null)};
};
const register = async () => {
    const options = (await call('POST', '/auth/passkeys/options')).told;
    const made = await navigator.credentials.create(
        {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)});
    return call('POST', '/auth/passkeys', {answer: made.toJSON(), name: 'virtual'});
};
const signIn = async () => {
    const options = (await call('POST', '/auth/passkeys/sign-in/options')).told;
    const got = await navigator.credentials.get(
        {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
    return call('POST', '/auth/passkeys/sign-in', {answer: got.toJSON()});
};
"""


@dataclass
class Served:
    """The gateway on a real port, and its address as a browser shows it."""

    door: Door
    origin: str
    pages: list[Page] = field(default_factory=list)

    async def page(self, context: Any, *, verifies: bool = True) -> Page:
        """An empty page of our own origin, with a device."""
        page = await context.new_page()
        empty = "<!doctype html><title>console</title>"
        await page.route(
            f"{self.origin}/", lambda route: route.fulfill(body=empty, content_type="text/html")
        )
        await page.goto(f"{self.origin}/")
        await page.add_script_tag(content=SCRIPT)
        await with_device(page, verifies=verifies)
        return page  # type: ignore[no-any-return]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    origin = f"http://localhost:{port}"
    async with open_door(tmp_path, origin) as door, serving(door.app, "127.0.0.1", port):
        yield Served(door, origin)


async def call(page: Page, method: str, path: str, body: Any = None) -> dict[str, Any]:
    told: dict[str, Any] = await page.evaluate(
        "([m, p, b]) => call(m, p, b ?? undefined)", [method, path, body]
    )
    return told


async def signed_up(page: Page) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    told = await call(page, "POST", "/auth/sign-up", body)
    assert told["status"] == 201, told


async def test_a_passkey_is_the_second_factor_and_then_both(served: Served) -> None:
    await subscribed(served.door, EMAIL)
    async with opened() as context:
        page = await served.page(context)
        await signed_up(page)
        assert (await call(page, "GET", "/auth/session"))["status"] == 401
        added = await page.evaluate("register()")
        assert (added["status"], added["told"]["next"]) == (201, "done")
        me = await call(page, "GET", "/auth/session")
        assert me["told"]["passkeys"] == ["virtual"]
        await page.evaluate("call('DELETE', '/auth/session')")
        assert (await call(page, "GET", "/auth/session"))["status"] == 401
        back = await page.evaluate("signIn()")
        assert (back["status"], back["told"]["next"]) == (200, "done"), back
        assert (await call(page, "GET", "/auth/session"))["told"]["email"] == EMAIL
        person = await served.door.api.sign_in.people.by_email(EMAIL)
        assert person is not None
        assert person.passkeys[0].sign_count >= 1


async def test_a_device_that_does_not_know_the_person_is_refused(served: Served) -> None:
    await subscribed(served.door, EMAIL)
    async with opened() as context:
        page = await served.page(context, verifies=False)
        await signed_up(page)
        with pytest.raises(Exception, match=r"NotAllowedError|not allowed"):
            await page.evaluate("register()")
        assert (await call(page, "GET", "/auth/session"))["status"] == 401


async def test_an_answer_to_another_challenge_is_refused(served: Served) -> None:
    await subscribed(served.door, EMAIL)
    async with opened() as context:
        page = await served.page(context)
        await signed_up(page)
        await page.evaluate("register()")
        replayed = await page.evaluate("""async () => {
            const options = (await call('POST', '/auth/passkeys/sign-in/options')).told;
            const got = await navigator.credentials.get(
                {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
            await call('POST', '/auth/passkeys/sign-in/options');
            return call('POST', '/auth/passkeys/sign-in', {answer: got.toJSON()});
        }""")
        assert (replayed["status"], replayed["told"]["code"]) == (422, "passkey-refused")


async def test_a_passkey_of_another_address_is_refused(served: Served) -> None:
    await subscribed(served.door, EMAIL)
    door = served.door.api.sign_in
    elsewhere = Passkeys("localhost", "http://localhost:1")
    async with opened() as context:
        page = await served.page(context)
        await signed_up(page)
        answer = await page.evaluate("""async () => {
            const options = (await call('POST', '/auth/passkeys/options')).told;
            const made = await navigator.credentials.create(
                {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)});
            return {answer: made.toJSON(), challenge: options.challenge};
        }""")
    now = served.door.api.clock.now()
    here = door.passkeys.registered(answer["answer"], answer["challenge"], "here", now)
    assert here.name == "here"
    with pytest.raises(Exception, match="passkey-refused"):
        elsewhere.registered(answer["answer"], answer["challenge"], "there", now)
