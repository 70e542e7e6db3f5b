"""Signing up and in: a subscription, a password that is none of the known ones, a second factor."""

from __future__ import annotations

import pytest

from gateway.rest.cookies import NAME
from gateway.signin.attempts import FAILURES_MAX
from gateway.store import PLATFORM
from support.rest import PASSWORD, Browser, Door, browser, subscribed

EMAIL = "ann@summit.example"


async def signed_in(door: Door, ann: Browser) -> list[str]:
    """Ann with an account, an app, and an open session; her recovery codes."""
    await subscribed(door, EMAIL)
    told = await ann.sign_up(EMAIL)
    assert told.status_code == 201, told.text
    assert told.json()["next"] == "enrol"
    return await ann.enrol()


async def test_the_first_sign_in_asks_for_a_second_factor(door: Door, ann: Browser) -> None:
    await subscribed(door, EMAIL)
    assert (await ann.sign_up(EMAIL)).json()["next"] == "enrol"
    half = await ann("GET", "/auth/session")
    assert (half.status_code, half.json()["code"]) == (401, "second-factor-missing")
    codes = await ann.enrol()
    assert len(set(codes)) == 10
    me = (await ann("GET", "/auth/session")).json()
    assert (me["email"], me["totp"], me["recovery_codes_left"]) == (EMAIL, True, 10)


async def test_every_later_sign_in_asks_for_the_code(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    async with browser(door) as later:
        later.seed = ann.seed
        first = await later.sign_in(EMAIL)
        assert first.json() == {"next": "second-factor", "factors": ["totp"]}
        assert (await later("GET", "/auth/session")).status_code == 401
        assert (await later("POST", "/auth/totp")).json()["code"] == "second-factor-missing"
        done = await later("POST", "/auth/code", json={"code": later.code(1)})
        assert done.json()["next"] == "done"
        assert (await later("GET", "/auth/session")).status_code == 200


async def test_a_code_opens_once(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    code = ann.code(1)
    for expected in (200, 401):
        async with browser(door) as later:
            await later.sign_in(EMAIL)
            answer = await later("POST", "/auth/code", json={"code": code})
            assert answer.status_code == expected


async def test_a_recovery_code_opens_once(door: Door, ann: Browser) -> None:
    codes = await signed_in(door, ann)
    for expected in (200, 401):
        async with browser(door) as later:
            await later.sign_in(EMAIL)
            answer = await later("POST", "/auth/code", json={"code": codes[0].upper()})
            assert answer.status_code == expected
    assert (await ann("GET", "/auth/session")).json()["recovery_codes_left"] == 9


async def test_without_a_subscription_nobody_gets_in_and_is_told_so(
    door: Door, ann: Browser
) -> None:
    refused = await ann.sign_up(EMAIL)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-subscribed")
    await signed_in(door, ann)
    await subscribed(door, EMAIL, active=False)
    async with browser(door) as later:
        refused = await later.sign_in(EMAIL)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-subscribed")
        assert EMAIL in refused.json()["detail"]


@pytest.mark.parametrize(
    "password",
    [
        "short-1!",
        "password1234",
        "qwertyuiop123",
        "summit.example1",
        "ann@summit.example",
        "x" * 200,
    ],
)
async def test_a_weak_or_known_password_is_refused(door: Door, ann: Browser, password: str) -> None:
    await subscribed(door, EMAIL)
    body = {"email": EMAIL, "password": password}
    refused = await ann("POST", "/auth/sign-up", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "password-weak")
    assert password not in refused.text


async def test_nobody_and_a_wrong_password_read_the_same(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    async with browser(door) as other:
        wrong = await other.sign_in(EMAIL, "not-the-right-password")
        nobody = await other.sign_in("bob@summit.example", "not-the-right-password")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json()["detail"] == nobody.json()["detail"]


@pytest.mark.parametrize("email", [EMAIL, "nobody@summit.example"])
async def test_an_account_is_locked_after_some_failures(
    door: Door, ann: Browser, email: str
) -> None:
    await signed_in(door, ann)
    async with browser(door) as other:
        for _ in range(FAILURES_MAX["account"]):
            assert (await other.sign_in(email, "wrong-wrong-wrong")).status_code == 401
        locked = await other.sign_in(email, PASSWORD)
    assert (locked.status_code, locked.json()["code"]) == (429, "too-many-attempts")
    assert int(locked.headers["Retry-After"]) > 600


async def test_codes_can_not_be_tried_out(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    async with browser(door) as other:
        await other.sign_in(EMAIL)
        tried = [
            (await other("POST", "/auth/code", json={"code": f"{n:06d}"})).status_code
            for n in range(FAILURES_MAX["account"] + 1)
        ]
    assert tried == [401] * FAILURES_MAX["account"] + [429]


async def test_the_cookie_is_out_of_reach(door: Door, ann: Browser) -> None:
    await subscribed(door, EMAIL)
    told = (await ann.sign_up(EMAIL)).headers["Set-Cookie"]
    assert told.startswith(f"{NAME}=")
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in told
    assert "Domain" not in told


async def test_the_secret_is_new_once_both_factors_were_given(door: Door, ann: Browser) -> None:
    await subscribed(door, EMAIL)
    await ann.sign_up(EMAIL)
    before = ann.http.cookies[NAME]
    await ann.enrol()
    assert ann.http.cookies[NAME] != before
    async with browser(door) as planted:
        planted.http.cookies.set(NAME, before, domain="gateway.test")
        assert (await planted("GET", "/auth/session")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil"}],
)
async def test_another_sites_page_changes_nothing(
    door: Door, ann: Browser, headers: dict[str, str]
) -> None:
    await signed_in(door, ann)
    answer = await ann.http.request("POST", "/v1/auth/totp", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")
    ours = await ann.http.request(
        "POST", "/v1/auth/totp", headers={"Origin": "https://gateway.test"}
    )
    assert ours.status_code == 200


async def test_devices_are_listed_and_sent_away(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    async with browser(door) as phone:
        phone.seed = ann.seed
        phone.http.headers["User-Agent"] = "a phone"
        await phone.sign_in(EMAIL)
        await phone("POST", "/auth/code", json={"code": phone.code(1)})
        devices = (await ann("GET", "/auth/sessions")).json()["items"]
        assert {d["device"] for d in devices} >= {"a phone"}
        assert [d["this"] for d in devices].count(True) == 1
        other = next(d["id"] for d in devices if not d["this"])
        assert (await ann("DELETE", f"/auth/sessions/{other}")).status_code == 204
        assert (await phone("GET", "/auth/session")).status_code == 401
    assert (await ann("DELETE", "/auth/session")).status_code == 204
    assert (await ann("GET", "/auth/session")).status_code == 401


async def test_an_invitation_leads_to_a_role_and_is_used_once(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    asked = {"email": EMAIL, "role": "clerk"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    assert (await ann.sign_up(EMAIL, token)).status_code == 201
    await ann.enrol()
    assert (await ann("GET", "/tenants/first/runs")).status_code == 200
    refused = await ann("POST", "/tenants/first/runs/some/apply", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    people = (await owner("GET", "/people")).json()["items"]
    assert [(p["email"], p["role"], p["second_factor"]) for p in people] == [(EMAIL, "clerk", True)]
    again = await ann("POST", "/auth/invitations", json={"invitation": token})
    assert again.json()["code"] == "invitation-unknown"


async def test_an_invitation_is_good_for_its_own_e_mail_alone(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    asked = {"email": "bob@summit.example", "role": "owner"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    assert (await ann.sign_up(EMAIL, token)).json()["code"] == "invitation-unknown"
    assert await door.api.sign_in.people.by_email(EMAIL) is None


async def test_whoever_has_an_account_accepts_and_is_sent_away(door: Door, ann: Browser) -> None:
    await signed_in(door, ann)
    owner = await door.tenant("first")
    assert (await ann("GET", "/tenants/first/runs")).json()["code"] == "tenant-unknown"
    asked = {"email": EMAIL, "role": "owner"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    roles = (await ann("POST", "/auth/invitations", json={"invitation": token})).json()
    assert roles == {"first": "owner"}
    [person] = (await ann("GET", "/tenants/first/people")).json()["items"]
    last = await owner("DELETE", f"/people/{person['id']}")
    assert last.json()["code"] == "last-owner"
    demoted = await owner("PUT", f"/people/{person['id']}", json={"role": "viewer"})
    assert demoted.json()["code"] == "last-owner"
    async with browser(door) as bob:
        await subscribed(door, "bob@summit.example")
        await bob.sign_up("bob@summit.example")
        await bob.enrol()
        asked = {"email": "bob@summit.example", "role": "owner"}
        token = (await owner("POST", "/invitations", json=asked)).json()["token"]
        await bob("POST", "/auth/invitations", json={"invitation": token})
    assert (await owner("DELETE", f"/people/{person['id']}")).status_code == 204
    assert (await ann("GET", "/tenants/first/runs")).status_code == 401, "her sessions ended"


async def test_neither_password_nor_seed_nor_token_is_in_the_store(
    door: Door, ann: Browser
) -> None:
    owner = await door.tenant("first")
    asked = {"email": EMAIL, "role": "clerk"}
    token = (await owner("POST", "/invitations", json=asked)).json()["token"]
    await ann.sign_up(EMAIL, token)
    codes = await ann.enrol()
    planted = [PASSWORD, ann.seed, token, codes[0], ann.http.cookies[NAME], owner.key]
    person = await door.api.sign_in.people.by_email(EMAIL)
    assert person is not None
    kept: list[bytes] = []
    for collection in ("users", "sessions", "invitations", "secrets", "keys", "attempts"):
        for tag, value in (("all", "all"), ("of", "first"), ("of", person.id)):
            found = await door.api.outbox.find(PLATFORM, collection, tag, value)
            kept += [record.body for record in found]
    kept.append((await door.api.outbox.get(PLATFORM, "secrets", f"totp:{person.id}")).body)  # type: ignore[union-attr]
    assert len(kept) >= 5
    for secret in planted:
        assert not any(secret.encode() in body for body in kept)


async def test_a_long_passphrase_is_taken(door: Door, ann: Browser) -> None:
    await subscribed(door, EMAIL)
    body = {"email": EMAIL, "password": "violet tractor harbour " * 5}
    assert (await ann("POST", "/auth/sign-up", json=body)).status_code == 201
