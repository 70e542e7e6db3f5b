"""Nobody gives away more than they have, and nobody comes back by what they have left behind."""

from __future__ import annotations

import asyncio

from gateway.domain.access import Scope
from support.rest import Browser, Door, bearer, browser, subscribed

EMAIL = "ann@summit.example"
BOB = "bob@summit.example"
ONLY_PEOPLE = frozenset({Scope.ADMINISTER})


async def invited(asking: object, email: str, role: str) -> str:
    """The token of an invitation."""
    told = await asking("POST", "/invitations", json={"email": email, "role": role})  # type: ignore[operator]
    assert told.status_code == 201, told.text
    return str(told.json()["token"])


async def member(door: Door, who: Browser, email: str, role: str) -> str:
    """Somebody with that role at the first tenant; their id."""
    await door.asking("first")
    giver = await door.asking("first")
    await who.sign_up(email, await invited(giver, email, role))
    await who.enrol()
    return str((await who("GET", "/auth/session")).json()["id"])


async def test_a_key_makes_no_key_that_may_do_more(door: Door) -> None:
    await door.tenant("first")
    people = await door.asking("first", ONLY_PEOPLE)
    more = await people("POST", "/keys", json={"name": "x", "scopes": ["administer", "approve"]})
    assert (more.status_code, more.json()["code"]) == (403, "not-allowed")
    same = await people("POST", "/keys", json={"name": "x", "scopes": ["administer"]})
    assert same.status_code == 201


async def test_a_key_invites_nobody_who_may_do_more(door: Door, ann: Browser) -> None:
    await door.tenant("first")
    number = await member(door, ann, EMAIL, "clerk")
    people = await door.asking("first", ONLY_PEOPLE)
    for method, path, body in (
        ("POST", "/invitations", {"email": BOB, "role": "viewer"}),
        ("PUT", f"/people/{number}", {"role": "owner"}),
    ):
        refused = await people(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")


async def test_an_operator_gets_no_key_to_a_tenant_that_has_begun(door: Door) -> None:
    body = {"tenant": "first", "name": "First", "terms_accepted": "1"}
    await door.http.post("/v1/tenants", json=body, headers=bearer(door.operator))
    keys = []
    for _ in range(2):  # the first answer was lost
        asked = {"name": "set-up", "scopes": ["read", "administer"]}
        made = await door.http.post(
            "/v1/tenants/first/keys/first", json=asked, headers=bearer(door.operator)
        )
        assert made.status_code == 201
        keys.append(made.json()["token"])
    lost = await door.http.get("/v1/tenants/first", headers=bearer(keys[0]))
    assert lost.status_code == 401, "the one made anew is the only one"
    asked = {"name": "own", "scopes": ["read"]}
    own = await door.http.post("/v1/tenants/first/keys", json=asked, headers=bearer(keys[1]))
    assert own.status_code == 201
    late = await door.http.post(
        "/v1/tenants/first/keys/first", json=asked, headers=bearer(door.operator)
    )
    assert (late.status_code, late.json()["code"]) == (409, "tenant-begun")
    still = await door.http.get("/v1/tenants/first", headers=bearer(keys[1]))
    assert still.status_code == 200


async def test_an_invitation_leads_nowhere_once_its_giver_has_gone(
    door: Door, ann: Browser
) -> None:
    owner = await door.tenant("first")
    number = await member(door, ann, EMAIL, "owner")

    async def as_ann(method: str, path: str, **more: object) -> object:
        return await ann(method, f"/tenants/first{path}", **more)

    left_behind = await invited(as_ann, BOB, "owner")
    async with browser(door) as cat:
        await member(door, cat, "cat@summit.example", "owner")
    assert (await owner("DELETE", f"/people/{number}")).status_code == 204
    async with browser(door) as bob:
        refused = await bob.sign_up(BOB, left_behind)
        assert (refused.status_code, refused.json()["code"]) == (404, "invitation-unknown")
        await subscribed(door, BOB)
        await bob.sign_up(BOB)
        await bob.enrol()
        refused = await bob("POST", "/auth/invitations", json={"invitation": left_behind})
        assert refused.json()["code"] == "invitation-unknown"
        assert (await bob("GET", "/tenants/first/runs")).status_code == 404


async def test_an_invitation_of_a_revoked_key_leads_nowhere(door: Door, ann: Browser) -> None:
    owner, other = await door.tenant("first"), await door.asking("first")
    token = await invited(other, EMAIL, "viewer")
    await owner("DELETE", f"/keys/{other.key.split('_')[1]}")
    assert (await ann.sign_up(EMAIL, token)).json()["code"] == "invitation-unknown"


async def test_invitations_are_listed_and_taken_back(door: Door, ann: Browser) -> None:
    owner, second = await door.tenant("first"), await door.tenant("second")
    token = await invited(owner, EMAIL, "viewer")
    [shown] = (await owner("GET", "/invitations")).json()["items"]
    assert (shown["email"], shown["role"]) == (EMAIL, "viewer")
    assert token not in str(shown)
    assert (await second("DELETE", f"/invitations/{shown['id']}")).status_code == 404
    assert (await owner("DELETE", f"/invitations/{shown['id']}")).status_code == 204
    assert (await owner("GET", "/invitations")).json()["items"] == []
    assert (await ann.sign_up(EMAIL, token)).json()["code"] == "invitation-unknown"


async def test_an_invitation_is_not_lost_to_whoever_has_an_account(
    door: Door, ann: Browser
) -> None:
    owner = await door.tenant("first")
    await subscribed(door, EMAIL)
    await ann.sign_up(EMAIL)
    await ann.enrol()
    token = await invited(owner, EMAIL, "clerk")
    async with browser(door) as again:
        assert (await again.sign_up(EMAIL, token)).json()["code"] == "email-taken"
    taken = await ann("POST", "/auth/invitations", json={"invitation": token})
    assert taken.json() == {"first": "clerk"}


async def test_who_joins_is_in_the_log_of_the_tenant(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    number = await member(door, ann, EMAIL, "clerk")
    entries = (await owner("GET", "/audit")).json()["items"]
    [joined] = [e for e in entries if e["action"] == "joined"]
    assert (joined["by"], joined["about"], joined["after"]["role"]) == (number, EMAIL, "clerk")
    assert joined["after"]["invited_by"].startswith("key:")


async def test_the_last_owner_becomes_no_viewer_by_an_invitation(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    await member(door, ann, EMAIL, "owner")
    token = await invited(owner, EMAIL, "viewer")
    refused = await ann("POST", "/auth/invitations", json={"invitation": token})
    assert (refused.status_code, refused.json()["code"]) == (409, "last-owner")
    assert (await ann("GET", "/tenants/first/people")).status_code == 200


async def test_two_owners_who_send_each_other_away_leave_one(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    async with browser(door) as bob:
        numbers = [await member(door, ann, EMAIL, "owner"), await member(door, bob, BOB, "owner")]
        await asyncio.gather(
            *(owner("PUT", f"/people/{n}", json={"role": "viewer"}) for n in numbers)
        )
    people = (await owner("GET", "/people")).json()["items"]
    assert "owner" in [person["role"] for person in people]


async def test_a_subscription_that_ends_ends_the_sessions(door: Door, ann: Browser) -> None:
    await subscribed(door, EMAIL)
    await ann.sign_up(EMAIL)
    await ann.enrol()
    assert (await ann("GET", "/auth/session")).status_code == 200
    await subscribed(door, EMAIL, active=False)
    assert (await ann("GET", "/auth/session")).status_code == 401


async def test_who_is_sent_away_leaves_a_list_of_their_keys(door: Door, ann: Browser) -> None:
    owner = await door.tenant("first")
    number = await member(door, ann, EMAIL, "owner")
    async with browser(door) as bob:
        await member(door, bob, BOB, "owner")
    asked = {"name": "nightly", "scopes": ["read"]}
    made = (await ann("POST", "/tenants/first/keys", json=asked)).json()
    await owner("DELETE", f"/people/{number}")
    entries = (await owner("GET", "/audit")).json()["items"]
    [away] = [e for e in entries if e["action"] == "sent-away"]
    assert away["after"] == {"keys_that_stand": [made["id"]]}
