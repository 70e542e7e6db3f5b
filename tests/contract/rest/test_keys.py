"""API keys: shown once, kept as a hash, scoped, expiring, revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.errors import PermanentError
from gateway.domain.access import Scope
from gateway.store import PLATFORM
from support.rest import Door


async def test_a_key_is_shown_once_and_is_nowhere_in_the_store(door: Door) -> None:
    owner = await door.tenant("first")
    asked = {"name": "reports", "scopes": ["read"]}
    made = (await owner("POST", "/keys", json=asked)).json()
    listed = (await owner("GET", "/keys")).json()["items"]
    assert made["id"] in [key["id"] for key in listed]
    assert not any("token" in key for key in listed)
    secret = made["token"].rpartition("_")[2]
    record = await door.api.outbox.get(PLATFORM, "keys", made["id"])
    assert record is not None
    assert secret.encode() not in record.body


async def test_a_key_made_twice_under_one_idempotency_key_is_not_kept_in_the_answer(
    door: Door,
) -> None:
    owner = await door.tenant("first")
    asked = {"name": "reports", "scopes": ["read"]}
    headers = {"Idempotency-Key": "make-reports"}
    made = await owner("POST", "/keys", json=asked, headers=headers)
    again = await owner("POST", "/keys", json=asked, headers=headers)
    assert made.json()["token"].startswith("ck_")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == {"code": "shown-once"}
    assert len((await owner("GET", "/keys")).json()["items"]) == 2, "the owner's, and one"


async def test_a_revoked_key_opens_nothing(door: Door) -> None:
    owner = await door.tenant("first")
    other = await door.asking("first")
    number = other.key.split("_")[1]
    assert (await other("GET", "")).status_code == 200
    assert (await owner("DELETE", f"/keys/{number}")).json()["revoked_at"]
    assert (await other("GET", "")).status_code == 401


async def test_a_key_of_another_tenant_can_not_be_revoked(door: Door) -> None:
    owner = await door.tenant("first")
    second = await door.tenant("second")
    answer = await owner("DELETE", f"/keys/{second.key.split('_')[1]}")
    assert (answer.status_code, answer.json()["code"]) == (404, "key-unknown")
    assert (await second("GET", "")).status_code == 200


async def test_a_key_expires(door: Door) -> None:
    await door.tenant("first")
    now = door.api.clock.now()
    keys, read = door.api.keys, frozenset({Scope.READ})
    soon = await keys.make("first", "soon", read, "test", now + timedelta(hours=1))
    assert soon.key.stands(now + timedelta(minutes=59))
    assert not soon.key.stands(now + timedelta(hours=1))
    with pytest.raises(PermanentError, match="key-expired"):
        await keys.make("first", "late", read, "test", now)


async def test_a_secret_that_is_wrong_in_one_letter_opens_nothing(door: Door) -> None:
    owner = await door.tenant("first")
    last = "1" if owner.key[-1] == "0" else "0"
    assert await door.api.keys.principal(owner.key[:-1] + last) is None
    assert await door.api.keys.principal(owner.key) is not None
