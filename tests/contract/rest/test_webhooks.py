"""Outgoing webhooks: signed, sent until they arrive, and never a hold-up for one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.responses import Response

from gateway.deliveries import Deliveries
from gateway.domain.webhooks import Delivery
from gateway.sending import Sender
from gateway.webhooks import ENDPOINTS_MAX
from support.rest import Asking, Door, open_door
from support.telling import (
    CHANGED,
    WAITING,
    MovedClock,
    Received,
    Receiver,
    event,
    receiver,
    says,
    until,
)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def door(tmp_path: Path, clock: MovedClock) -> AsyncIterator[Door]:
    """The gateway's messages and jobs are worked off; an attempt has half a second."""
    sender = Sender(clock, loopback=True, attempt_s=0.5)
    async with open_door(tmp_path, runs=True, clock=clock, sender=sender) as opened:
        yield opened


async def told(door: Door, *numbers: int, kind: str = WAITING) -> None:
    await door.store.bus.publish([event(n, kind=kind) for n in numbers])
    await door.store.idle()


async def made(owner: Asking, url: str, *types: str) -> dict[str, Any]:
    answer = await owner("POST", "/webhooks", json={"url": url, "types": list(types)})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def deliveries(owner: Asking, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await owner("GET", f"/webhooks/{webhook['id']}/deliveries")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def settled(owner: Asking, webhook: dict[str, Any], attempts: int = 1) -> dict[str, Any]:
    """The only delivery, once so many attempts are noted and it has ended or waits."""

    async def noted() -> bool:
        rows = await deliveries(owner, webhook)
        waits = rows and (rows[0]["state"] != "waiting" or rows[0]["next_at"])
        return bool(waits) and len(rows[0]["attempts"]) >= attempts

    await until(noted)
    [row] = await deliveries(owner, webhook)
    return row


async def came(where: Receiver, count: int) -> None:
    async def enough() -> bool:
        return len(where.got) >= count

    await until(enough)


async def test_an_event_arrives_as_it_was_published_and_the_library_knows_the_signature(
    door: Door,
) -> None:
    owner = await door.tenant("first")
    async with receiver() as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        row = await settled(owner, webhook)
        [got] = theirs.got
        assert got.body == event(1).value
        assert got.id == "event_0001"
        assert got.headers["content-type"] == "application/cloudevents+json"
        Webhook(webhook["secret"]).verify(got.body, got.headers)
        altered = got.body.replace(b"run-1", b"run-2")
        with pytest.raises(WebhookVerificationError):
            Webhook(webhook["secret"]).verify(altered, got.headers)
    assert (row["state"], row["event"], row["attempts"][0]["status"]) == (
        "delivered",
        "event_0001",
        204,
    )


async def test_an_endpoint_gets_the_types_that_it_wants(door: Door) -> None:
    owner = await door.tenant("first")
    async with receiver() as some, receiver() as every:
        await made(owner, some.url, CHANGED)
        await made(owner, every.url)
        await told(door, 1, kind=WAITING)
        await told(door, 2, kind=CHANGED)
        await came(every, 2)
        await came(some, 1)
        assert some.ids == ["event_0002"]


async def test_another_tenant_is_told_nothing(door: Door) -> None:
    await door.tenant("first")
    second = await door.tenant("second")
    async with receiver() as theirs:
        webhook = await made(second, theirs.url)
        await told(door, 1)
        assert await deliveries(second, webhook) == []
        assert theirs.got == []


async def test_what_fails_is_sent_again_under_the_same_id_until_it_arrives(
    door: Door, clock: MovedClock
) -> None:
    owner = await door.tenant("first")
    async with receiver(says(500, "database is away")) as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        row = await settled(owner, webhook)
        assert row["state"] == "waiting"
        assert row["attempts"][0]["problem"] == "webhook-refused"
        assert row["attempts"][0]["answer"] == "database is away"
        clock.move(seconds=5)
        await settled(owner, webhook, attempts=2)
        theirs.answer = says(200)
        clock.move(seconds=20)
        row = await settled(owner, webhook, attempts=3)
        assert row["state"] == "delivered"
        assert theirs.ids == ["event_0001"] * 3
        stamps = [got.headers["webhook-timestamp"] for got in theirs.got]
        assert len(set(stamps)) == 3, "each attempt is signed at its own time"
        Webhook(webhook["secret"]).verify(theirs.got[-1].body, theirs.got[-1].headers)


async def test_an_endpoint_that_fails_holds_up_no_other_and_none_of_its_own(door: Door) -> None:
    owner = await door.tenant("first")

    async def fails_once(got: Received) -> Response:
        return Response(status_code=503 if got.id == "event_0001" else 200)

    async with receiver(says(500)) as broken, receiver() as well, receiver(fails_once) as odd:
        for one in (broken, well, odd):
            await made(owner, one.url)
        await told(door, *range(1, 11))
        await came(well, 10)
        await came(odd, 10)
        assert sorted(odd.ids) == sorted(well.ids) == [f"event_{n:04d}" for n in range(1, 11)]


async def test_what_the_receiver_asks_for_is_waited_out(door: Door, clock: MovedClock) -> None:
    owner = await door.tenant("first")
    async with receiver(says(429, Retry_After="3600")) as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        row = await settled(owner, webhook)
        assert row["attempts"][0]["retry_after_s"] == 3600
        clock.move(minutes=59)
        await asyncio.sleep(0.05)
        assert len(theirs.got) == 1
        clock.move(minutes=2)
        await came(theirs, 2)


async def test_an_endpoint_that_is_gone_is_switched_off(door: Door) -> None:
    owner = await door.tenant("first")
    async with receiver(says(410)) as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        assert (await settled(owner, webhook))["state"] == "failed"

        async def off() -> bool:
            now = (await owner("GET", f"/webhooks/{webhook['id']}")).json()
            return not now["enabled"] and "410" in now["disabled"]

        await until(off)
        await told(door, 2)
        assert len(await deliveries(owner, webhook)) == 1
        refused = await owner("POST", f"/webhooks/{webhook['id']}/test")
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook-disabled")
        theirs.answer = says(200)
        on = {"url": theirs.url, "enabled": True}
        again = await owner("PUT", f"/webhooks/{webhook['id']}", json=on)
        assert again.json()["disabled"] == ""
        await told(door, 3)
        await came(theirs, 2)


async def test_after_three_days_nobody_tries_any_more_but_a_person(
    door: Door, clock: MovedClock
) -> None:
    owner = await door.tenant("first")
    async with receiver(says(500)) as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        await settled(owner, webhook)
        clock.move(days=3)
        row = await settled(owner, webhook, attempts=2)
        assert (row["state"], row["next_at"]) == ("failed", None)
        theirs.answer = says(200)
        path = f"/webhooks/{webhook['id']}/deliveries"
        asked = await owner("POST", path, json={"event": "event_0001"})
        assert asked.status_code == 202
        row = await settled(owner, webhook, attempts=3)
        assert row["state"] == "delivered"
        assert theirs.ids == ["event_0001"] * 3


async def test_an_event_from_before_the_webhook_can_be_sent(door: Door) -> None:
    owner = await door.tenant("first")
    await told(door, 1)
    async with receiver() as theirs:
        webhook = await made(owner, theirs.url)
        path = f"/webhooks/{webhook['id']}/deliveries"
        unknown = await owner("POST", path, json={"event": "event_0002"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "event-unknown")
        await owner("POST", path, json={"event": "event_0001"})
        await came(theirs, 1)


async def test_a_test_event_says_that_it_is_one(door: Door) -> None:
    owner = await door.tenant("first")
    async with receiver() as theirs:
        webhook = await made(owner, theirs.url, CHANGED)
        asked = await owner("POST", f"/webhooks/{webhook['id']}/test")
        assert asked.status_code == 202
        await came(theirs, 1)
        [got] = theirs.got
        told_of = Webhook(webhook["secret"]).verify(got.body, got.headers)
        assert (told_of["type"], told_of["id"]) == ("chargeline.test.v1", got.id)
        assert (await owner("GET", "/events")).json()["items"] == [], "nothing has happened"
        again = (await owner("POST", f"/webhooks/{webhook['id']}/test")).json()
        assert [row["id"] for row in await deliveries(owner, webhook)] == [again["id"]]
        await came(theirs, 2)


async def test_for_a_day_both_secrets_sign(door: Door, clock: MovedClock) -> None:
    owner = await door.tenant("first")
    async with receiver() as theirs:
        webhook = await made(owner, theirs.url)
        new = (await owner("POST", f"/webhooks/{webhook['id']}/secret")).json()["secret"]
        assert new != webhook["secret"]
        await told(door, 1)
        await came(theirs, 1)
        for secret in (new, webhook["secret"]):
            Webhook(secret).verify(theirs.got[0].body, theirs.got[0].headers)
        clock.move(days=1)
        await told(door, 2)
        await came(theirs, 2)
        assert len(theirs.got[1].headers["webhook-signature"].split()) == 1


async def test_a_secret_is_shown_once(door: Door) -> None:
    owner = await door.tenant("first")
    webhook = await made(owner, "http://127.0.0.1:9/hook")
    read = await owner("GET", f"/webhooks/{webhook['id']}")
    listed = await owner("GET", "/webhooks")
    log = await owner("GET", "/audit")
    assert webhook["secret"].startswith("whsec_")
    for answer in (read, listed, log):
        assert webhook["secret"] not in answer.text
        assert "secret" not in answer.json()
    for collection in ("webhooks", "secrets"):
        record = await door.store.records.get("first", collection, webhook["id"])
        assert record is not None
        assert webhook["secret"].removeprefix("whsec_").encode() not in record.body


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/ID/secret", "/incoming/pax8"])
async def test_a_secret_is_not_kept_in_the_answer_that_may_be_asked_for_again(
    door: Door, path: str
) -> None:
    owner = await door.tenant("first")
    body = {"url": "http://127.0.0.1:9/hook"}
    path = path.replace("ID", (await made(owner, body["url"]))["id"])
    headers = {"Idempotency-Key": "once"}
    first = await owner("POST", path, json=body, headers=headers)
    again = await owner("POST", path, json=body, headers=headers)
    assert first.json().get("secret") or first.json().get("password")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == ({"code": "shown-once"}, "true")


async def test_what_is_taken_away_is_told_nothing_more(door: Door) -> None:
    owner = await door.tenant("first")
    async with receiver(says(500)) as theirs:
        webhook = await made(owner, theirs.url)
        await told(door, 1)
        await settled(owner, webhook)
        assert (await owner("DELETE", f"/webhooks/{webhook['id']}")).status_code == 204
        await told(door, 2)
        assert (await owner("GET", f"/webhooks/{webhook['id']}")).status_code == 404
        assert await door.store.records.get("first", "secrets", webhook["id"]) is None
        assert len(theirs.got) == 1


async def test_a_tenant_has_so_many_and_no_more(door: Door) -> None:
    owner = await door.tenant("first")
    for _ in range(ENDPOINTS_MAX):
        await made(owner, "http://127.0.0.1:9/hook")
    body = {"url": "http://127.0.0.1:9/hook"}
    refused = await owner("POST", "/webhooks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhooks-many")


@pytest.mark.parametrize("lost", ["answered", "never answered"])
async def test_a_death_between_sending_and_noting_sends_again_under_the_same_id(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """The process is gone when the receiver has it: nothing of the attempt is in the store."""
    owner = await door.tenant("first")
    dead = asyncio.Event()
    note = Deliveries._note

    async def never_noted(*_: Any) -> Delivery | None:
        dead.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody comes back from the dead")

    async with receiver() as theirs:
        await made(owner, theirs.url)
        if lost == "never answered":
            theirs.answer = _silent
        monkeypatch.setattr(Deliveries, "_note", never_noted)
        await told(door, 1)
        await asyncio.wait_for(dead.wait(), 10)
        crashed = _copied(tmp_path)
        monkeypatch.setattr(Deliveries, "_note", note)
        theirs.answer = says(200)
        async with open_door(crashed, runs=True):
            await came(theirs, 2)
        assert theirs.ids[:2] == ["event_0001"] * 2


def _copied(folder: Path) -> Path:
    """What a dead process leaves on the disk."""
    crashed = folder / "crashed"
    crashed.mkdir()
    for file in folder.glob("*.db*"):
        (crashed / file.name).write_bytes(file.read_bytes())
    return crashed


async def _silent(_: Received) -> Response:
    await asyncio.sleep(0.6)
    return Response(status_code=200)
