"""A password that somebody has seen, and a device that was lost: both end, and their sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.signin.people import Passkey
from support.rest import PASSWORD, Browser, Door, browser, subscribed

EMAIL = "ann@summit.example"
OTHER = "saffron-gravel-window-84"
KEY = Passkey(
    id="lost",
    public_key="AA",
    sign_count=0,
    name="phone",
    made_at=datetime(2026, 11, 1, tzinfo=UTC),
)


@pytest.fixture
async def phone(door: Door, ann: Browser) -> AsyncIterator[Browser]:
    """Ann is signed in at her desk, and on a phone with a passkey."""
    await subscribed(door, EMAIL)
    await ann.sign_up(EMAIL)
    await ann.enrol()
    people = door.api.sign_in.people
    person = await people.by_email(EMAIL)
    assert person is not None
    await people.name(person.id, "passkey", KEY.id)
    await people.change(person.id, lambda p: p.model_copy(update={"passkeys": (KEY,)}))
    async with browser(door) as phone:
        phone.seed = ann.seed
        await phone.sign_in(EMAIL)
        await phone("POST", "/auth/code", json={"code": phone.code(1)})
        yield phone


async def test_a_lost_passkey_is_removed_and_its_session_ends(
    door: Door, ann: Browser, phone: Browser
) -> None:
    [shown] = (await ann("GET", "/auth/passkeys")).json()["items"]
    assert (shown["id"], shown["name"]) == ("lost", "phone")
    assert (await ann("DELETE", "/auth/passkeys/lost")).status_code == 204
    assert (await ann("GET", "/auth/passkeys")).json()["items"] == []
    assert (await phone("GET", "/auth/session")).status_code == 401
    assert (await ann("GET", "/auth/session")).status_code == 200
    again = await ann("DELETE", "/auth/passkeys/lost")
    assert (again.status_code, again.json()["code"]) == (404, "passkey-unknown")
    async with browser(door) as finder:
        await finder("POST", "/auth/passkeys/sign-in/options")
        refused = await finder("POST", "/auth/passkeys/sign-in", json={"answer": {"id": "lost"}})
        assert (refused.status_code, refused.json()["code"]) == (401, "sign-in-refused")


async def test_the_only_second_factor_stays(door: Door, ann: Browser, phone: Browser) -> None:
    people = door.api.sign_in.people
    person = await people.by_email(EMAIL)
    assert person is not None
    await people.change(person.id, lambda p: p.model_copy(update={"totp": False}))
    refused = await ann("DELETE", "/auth/passkeys/lost")
    assert (refused.status_code, refused.json()["code"]) == (409, "last-factor")


async def test_another_password_ends_every_other_session(
    door: Door, ann: Browser, phone: Browser
) -> None:
    weak = await ann("PUT", "/auth/password", json={"password": "summit.example1"})
    assert weak.json()["code"] == "password-weak"
    assert (await ann("PUT", "/auth/password", json={"password": OTHER})).status_code == 204
    assert (await phone("GET", "/auth/session")).status_code == 401
    assert (await ann("GET", "/auth/session")).status_code == 200
    async with browser(door) as later:
        assert (await later.sign_in(EMAIL, PASSWORD)).status_code == 401
        assert (await later.sign_in(EMAIL, OTHER)).json()["next"] == "second-factor"
        half = await later("PUT", "/auth/password", json={"password": PASSWORD})
        assert (half.status_code, half.json()["code"]) == (401, "second-factor-missing")
