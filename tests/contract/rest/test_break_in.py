"""Ways around the sign-in: many tries at once, planted cookies, other sites, half-open sessions."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from argon2 import PasswordHasher

from gateway.rest.cookies import ATTEMPT, DEVICE, NAME
from gateway.signin import attempts as counted
from gateway.signin.attempts import FAILURES_MAX
from gateway.signin.sessions import HALF_OPEN
from support.rest import PASSWORD, Browser, Door, browser, subscribed

EMAIL = "ann@summit.example"
WRONG = "wrong-wrong-wrong"
SITES = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


async def signed_in(door: Door, ann: Browser) -> list[str]:
    """Ann with an account, an app, and an open session; her recovery codes."""
    await subscribed(door, EMAIL)
    assert (await ann.sign_up(EMAIL)).status_code == 201
    return await ann.enrol()


async def test_many_tries_at_once_are_no_more_than_one_after_the_other(
    door: Door, ann: Browser
) -> None:
    await signed_in(door, ann)
    async with browser(door) as other:
        tries = [other.sign_in(EMAIL, f"{WRONG}-{n}") for n in range(30)]
        answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert answers.count(401) == FAILURES_MAX["account"]
    assert answers.count(429) == 30 - FAILURES_MAX["account"]


async def test_codes_tried_at_once_are_no_more_either(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    async with browser(door) as other:
        await other.sign_in(EMAIL)
        tries = [other("POST", "/auth/code", json={"code": f"{n:06d}"}) for n in range(30)]
        answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert answers.count(401) == FAILURES_MAX["account"]


async def test_a_code_given_twice_at_once_opens_once(door: Door, ann: Browser) -> None:
    codes = await signed_in(door, ann)
    for code in (ann.code(1), codes[0]):
        async with browser(door) as one, browser(door) as two:
            await one.sign_in(EMAIL)
            await two.sign_in(EMAIL)
            both = await asyncio.gather(
                *(who("POST", "/auth/code", json={"code": code}) for who in (one, two))
            )
        assert sorted(answer.status_code for answer in both) == [200, 401]


async def test_who_tries_from_elsewhere_locks_the_person_out_of_no_known_device(
    door: Door, ann: Browser
) -> None:
    await signed_in(door, ann)
    await ann("DELETE", "/auth/session")
    async with browser(door) as other:
        for _ in range(FAILURES_MAX["account"]):
            await other.sign_in(EMAIL, WRONG)
        assert (await other.sign_in(EMAIL)).status_code == 429
        other.http.cookies.set(DEVICE, "made-up", domain="gateway.test")
        assert (await other.sign_in(EMAIL)).status_code == 429
    assert (await ann.sign_in(EMAIL)).json()["next"] == "second-factor"
    done = await ann("POST", "/auth/code", json={"code": ann.code(1)})
    assert done.json()["next"] == "done"


async def test_a_known_device_is_locked_by_its_own_tries(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    tried = [(await ann.sign_in(EMAIL, WRONG)).status_code for _ in range(10)]
    assert tried == [401] * FAILURES_MAX["account"] + [429, 429]


async def test_a_device_is_known_for_its_own_person_alone(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    await subscribed(door, "bob@summit.example")
    async with browser(door) as bob:
        await bob.sign_up("bob@summit.example")
        await bob.enrol()
        for _ in range(FAILURES_MAX["account"]):
            await bob.sign_in(EMAIL, WRONG)
        assert (await bob.sign_in(EMAIL, WRONG)).status_code == 429
    async with browser(door) as other:
        assert (await other.sign_in(EMAIL)).status_code == 429, "counted as anybody's"


async def test_an_address_that_tries_many_accounts_is_locked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(counted.FAILURES_MAX, "address", 5)  # a password takes a while to judge
    async with browser(door) as other:
        tried = [(await other.sign_in(f"p{n}@x.example", WRONG)).status_code for n in range(7)]
    assert tried == [401] * 5 + [429] * 2


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    "path",
    ["/auth/sign-in", "/auth/sign-up", "/auth/passkeys/sign-in", "/auth/passkeys/sign-in/options"],
)
async def test_another_site_signs_nobody_in(door: Door, path: str, site: dict[str, str]) -> None:
    await subscribed(door, EMAIL)
    body = {"email": EMAIL, "password": PASSWORD}
    answer = await door.http.post(f"/v1{path}", json=body, headers=site)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("site", SITES)
async def test_another_sites_link_begins_no_linking(
    door: Door, ann: Browser, site: dict[str, str]
) -> None:
    await signed_in(door, ann)
    answer = await ann.http.get("/v1/auth/oidc/google/link", headers=site)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")


@pytest.mark.parametrize("site", [*SITES, {}])
async def test_another_site_changes_nothing_of_a_tenant(
    door: Door, ann: Browser, site: dict[str, str]
) -> None:
    """The cookie goes along; a browser that says nothing of where it is has to name our origin."""
    owner = await door.tenant("first")
    asked = {"email": EMAIL, "role": "owner"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    await ann.sign_up(EMAIL, token)
    await ann.enrol()
    path = "/v1/tenants/first/documents/list"
    refused = await ann.http.post(path, json={}, headers=site)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross-site")
    keyed = await ann.http.post(path, json={}, headers={**site, "Idempotency-Key": "k"})
    assert (keyed.status_code, keyed.json()["code"]) == (403, "cross-site")
    assert (await ann("POST", "/tenants/first/documents/list", json={})).status_code == 202


async def test_a_planted_cookie_is_nobodys_session(door: Door, ann: Browser) -> None:
    """Whoever plants their own half-open session has nothing once the victim has signed in."""
    await signed_in(door, ann)
    async with browser(door) as eve, browser(door) as victim:
        victim.seed = ann.seed
        await eve("POST", "/auth/passkeys/sign-in/options")
        planted = eve.http.cookies[NAME]
        victim.http.cookies.set(NAME, planted, domain="gateway.test")
        await victim.sign_in(EMAIL)
        await victim("POST", "/auth/code", json={"code": victim.code(1)})
        assert (await victim("GET", "/auth/session")).status_code == 200
        assert (await eve("GET", "/auth/session")).status_code == 401


HALF = [
    ("GET", "/auth/session"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/0"),
    ("POST", "/auth/totp"),
    ("POST", "/auth/totp/confirm"),
    ("POST", "/auth/passkeys/options"),
    ("POST", "/auth/passkeys"),
    ("GET", "/auth/oidc/google/link"),
    ("POST", "/auth/invitations"),
    ("GET", "/tenants/first"),
    ("GET", "/tenants/first/runs"),
    ("POST", "/tenants/first/runs"),
]


@pytest.mark.parametrize(("method", "path"), HALF)
async def test_a_password_alone_opens_nothing(
    door: Door, ann: Browser, method: str, path: str
) -> None:
    owner = await door.tenant("first")
    asked = {"email": EMAIL, "role": "owner"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    await ann.sign_up(EMAIL, token)
    await ann.enrol()
    async with browser(door) as other:
        await other.sign_in(EMAIL)
        body = {"code": "000000", "answer": {}, "invitation": "x", "document": "d"}
        answer = await other(method, path, json=body)
    assert answer.status_code == 401
    assert answer.json()["code"] in ("second-factor-missing", "not-signed-in")


async def test_a_session_that_was_left_open_adds_no_factor(
    door: Door, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await signed_in(door, ann)
    assert (await ann("POST", "/auth/totp")).status_code == 200, "just now, with both factors"
    clock = door.api.clock
    later = clock.now() + HALF_OPEN + timedelta(seconds=1)
    monkeypatch.setattr(type(clock), "now", lambda _: later)
    assert (await ann("GET", "/auth/session")).status_code == 200, "the session still stands"
    for path in ("/auth/totp", "/auth/passkeys/options"):
        refused = await ann("POST", path)
        assert (refused.status_code, refused.json()["code"]) == (401, "sign-in-again")


async def test_a_new_app_replaces_the_old_one(door: Door, ann: Browser) -> None:
    codes = await signed_in(door, ann)
    old = ann.code(1)
    await ann.enrol()
    async with browser(door) as other:
        await other.sign_in(EMAIL)
        for code in (old, codes[0]):
            refused = await other("POST", "/auth/code", json={"code": code})
            assert refused.status_code == 401


async def test_another_kind_of_secret_in_a_cookie_is_refused(door: Door, ann: Browser) -> None:
    await ann("POST", "/auth/passkeys/sign-in/options")
    ann.http.cookies.set(ATTEMPT, ann.http.cookies[NAME], domain="gateway.test")
    back = await ann("GET", "/auth/oidc/google/callback?state=x&code=y")
    assert (back.status_code, back.json()["code"]) == (401, "provider-refused")


async def test_signing_up_without_a_subscription_costs_us_no_hash(
    door: Door, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = PasswordHasher.hash

    def hashing(self: PasswordHasher, password: str) -> str:
        hashed.append(password)
        return real(self, password)

    monkeypatch.setattr(PasswordHasher, "hash", hashing)
    codes = [(await ann.sign_up(EMAIL)).status_code for _ in range(FAILURES_MAX["account"] + 1)]
    assert codes == [403] * FAILURES_MAX["account"] + [429]
    assert hashed == []


async def test_an_unknown_account_takes_as_long_as_a_known_one(
    door: Door, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash is what takes the time: it is made once for either."""
    await signed_in(door, ann)
    verified: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, kept: str, password: str) -> bool:
        verified.append(kept)
        return bool(real(self, kept, password))

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    async with browser(door) as other:
        answers: list[httpx.Response] = [
            await other.sign_in(email, WRONG) for email in (EMAIL, "nobody@summit.example")
        ]
    assert len(verified) == 2
    one, two = (answer.json() | {"request": ""} for answer in answers)
    assert one == two
