"""A tenant's events over REST: by the page, as a stream that goes on, and only for who may read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.servers.health_http import serving
from gateway.rest import live as live_module
from gateway.rest.live import Live
from support.rest import Asking, Browser, Door, bearer, browser, open_door, subscribed
from support.telling import CHANGED, MovedClock, event, until


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """The gateway takes its own events into the log."""
    async with open_door(tmp_path, runs=True, clock=MovedClock()) as opened:
        yield opened


async def told(door: Door, *numbers: int, tenant: str = "first") -> None:
    await door.store.bus.publish([event(n, tenant) for n in numbers])
    await door.store.idle()


async def rows(asking: Asking, **params: Any) -> dict[str, Any]:
    answer = await asking("GET", "/events", params=params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_the_pages_give_every_event_once_in_order(door: Door) -> None:
    owner = await door.tenant("first")
    await told(door, *range(1, 8))
    await told(door, 3, 4)  # published twice
    first = await rows(owner, limit=3)
    second = await rows(owner, limit=3, cursor=first["next"])
    third = await rows(owner, limit=3, cursor=second["next"])
    every = [row for page in (first, second, third) for row in page["items"]]
    assert [row["position"] for row in every] == list(range(1, 8))
    assert [row["event"] for row in every] == [json.loads(event(n).value) for n in range(1, 8)]
    assert third["next"] is None
    assert [row["position"] for row in (await rows(owner, after=5))["items"]] == [6, 7]


async def test_a_tenant_reads_its_own_events_alone(door: Door) -> None:
    first, second = await door.tenant("first"), await door.tenant("second")
    await told(door, 1, 2)
    await told(door, 3, tenant="second")
    assert [r["event"]["id"] for r in (await rows(second))["items"]] == ["event_0003"]
    assert len((await rows(first))["items"]) == 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"cursor": "eHg="}, 404), ({"after": -1}, 422), ({"after": "x"}, 422)],
)
async def test_a_place_that_is_none_is_refused(
    door: Door, asked: dict[str, Any], status: int
) -> None:
    owner = await door.tenant("first")
    assert (await owner("GET", "/events", params=asked)).status_code == status


@dataclass
class Stream:
    """One open stream of events."""

    lines: AsyncIterator[str]

    async def next(self) -> tuple[int, dict[str, Any]]:
        """Position and event; heartbeats are passed over."""
        position = 0
        async with asyncio.timeout(10):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    position = int(value)
                elif name == "data":
                    return position, json.loads(value)
        raise AssertionError("the stream has ended")

    async def ended(self, within_s: float = 10.0) -> list[str]:
        """What still came, up to its end."""
        async with asyncio.timeout(within_s):
            return [line async for line in self.lines if line.startswith(("id", "data"))]


@asynccontextmanager
async def streaming(root: str, headers: dict[str, str], **more: str) -> AsyncIterator[Stream]:
    asked = {"Accept": "text/event-stream", **headers, **more}
    url = f"{root}/v1/tenants/first/events"
    async with httpx.AsyncClient(timeout=10) as http, http.stream("GET", url, headers=asked) as it:
        assert it.status_code == 200, await it.aread()
        assert it.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(it.aiter_lines())


async def test_what_happened_and_what_happens_comes_with_its_position(door: Door) -> None:
    owner = await door.tenant("first")
    await told(door, 1, 2)
    async with (
        serving(door.app, "127.0.0.1", 0) as port,
        streaming(f"http://127.0.0.1:{port}", bearer(owner.key)) as stream,
    ):
        assert [(await stream.next())[0] for _ in range(2)] == [1, 2]
        await told(door, 3)
        assert await stream.next() == (3, json.loads(event(3).value))
        door.api.live.close()
        assert await stream.ended() == []


async def test_a_reader_goes_on_where_it_was(door: Door) -> None:
    owner = await door.tenant("first")
    await told(door, *range(1, 251))  # more than one page of the log
    async with serving(door.app, "127.0.0.1", 0) as port:
        root = f"http://127.0.0.1:{port}"
        async with streaming(root, bearer(owner.key)) as stream:
            seen = [(await stream.next())[0] for _ in range(120)]
        again = {"Last-Event-ID": str(seen[-1])}
        async with streaming(root, bearer(owner.key), **again) as stream:
            seen += [(await stream.next())[0] for _ in range(130)]
        door.api.live.close()
    assert seen == list(range(1, 251))


async def test_a_reader_who_has_seen_more_than_there_is_is_told(door: Door) -> None:
    owner = await door.tenant("first")
    await told(door, 1)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "2"}
    answer = await owner("GET", "/events", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "cursor-unknown")


async def test_a_revoked_key_reads_no_further_event(door: Door) -> None:
    owner = await door.tenant("first")
    other = await door.asking("first")
    await told(door, 1)
    async with (
        serving(door.app, "127.0.0.1", 0) as port,
        streaming(f"http://127.0.0.1:{port}", bearer(other.key)) as stream,
    ):
        await stream.next()
        await owner("DELETE", f"/keys/{other.key.split('_')[1]}")
        await told(door, 2)
        assert await stream.ended() == []


async def test_a_stream_without_news_is_kept_alive_and_ends_with_its_key(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await door.tenant("first")
    other = await door.asking("first")
    quick = Live(door.api.gateway.log, heartbeat_s=0.02)
    monkeypatch.setattr(door.app.state, "api", _with(door, quick))
    async with (
        serving(door.app, "127.0.0.1", 0) as port,
        streaming(f"http://127.0.0.1:{port}", bearer(other.key)) as stream,
    ):
        async with asyncio.timeout(10):
            beats = 0
            async for line in stream.lines:
                beats += line == ": nothing new"
                if beats == 3:
                    break
        await owner("DELETE", f"/keys/{other.key.split('_')[1]}")
        assert await stream.ended() == []


async def test_a_session_that_is_over_reads_no_further_and_a_stream_keeps_none_alive(
    door: Door,
) -> None:
    await door.tenant("first")
    async with browser(door) as ann:
        await _signed_in_as_owner(door, ann)
        cookie = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in ann.http.cookies.jar)}
        await told(door, 1)
        async with (
            serving(door.app, "127.0.0.1", 0) as port,
            streaming(f"http://127.0.0.1:{port}", cookie) as stream,
        ):
            await stream.next()
            person = (await ann("GET", "/auth/session")).json()["id"]
            [before] = await door.api.sign_in.sessions.of(person)
            assert isinstance(door.api.clock, MovedClock)
            door.api.clock.move(minutes=30)
            await told(door, 2)
            await stream.next()
            [after] = await door.api.sign_in.sessions.of(person)
            assert after.seen_at == before.seen_at, "reading a stream is not using the session"
            assert (await ann("DELETE", "/auth/session")).status_code == 204
            await told(door, 3)
            assert await stream.ended() == []


async def test_a_tenant_has_so_many_streams_and_no_more(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await door.tenant("first")
    monkeypatch.setattr(live_module, "STREAMS_MAX", 1)
    async with serving(door.app, "127.0.0.1", 0) as port:
        root = f"http://127.0.0.1:{port}"
        async with streaming(root, bearer(owner.key)) as stream:
            await told(door, 1)
            await stream.next()
            headers = {"Accept": "text/event-stream"}
            answer = await owner("GET", "/events", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (429, "too-many-streams")
            assert answer.headers["Retry-After"]

        async def free() -> bool:
            return not door.api.live._open

        await until(free)


async def test_what_is_kept_is_what_was_published(door: Door) -> None:
    """Also what a later version says."""
    owner = await door.tenant("first")
    await door.store.bus.publish([event(1, kind=CHANGED), event(2, kind="chargeline.new.v9")])
    await door.store.idle()
    kinds = [row["event"]["type"] for row in (await rows(owner))["items"]]
    assert kinds == [CHANGED, "chargeline.new.v9"]


def _with(door: Door, live: Live) -> Any:
    return replace(door.api, live=live)


async def _signed_in_as_owner(door: Door, ann: Browser) -> None:
    await subscribed(door, "ann@msp.example")
    made = await door.asking("first")
    invited = await made("POST", "/invitations", json={"email": "ann@msp.example", "role": "owner"})
    answer = await ann.sign_up("ann@msp.example", invited.json()["token"])
    assert answer.status_code in (200, 201), answer.text
    await ann.enrol()
