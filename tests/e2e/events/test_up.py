"""`chargeline up` with somebody listening: a stream that ends well, a delivery that outlives it."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from starlette.responses import Response

from support.rest import bearer
from support.telling import Received, receiver, until

pytestmark = [pytest.mark.e2e, pytest.mark.folder]
ADDRESS = re.compile(r"up at (http://\S+)/v1")
PATH = "/v1/tenants/summit"


@dataclass
class Up:
    """The process, and who asks it."""

    process: Process
    http: httpx.AsyncClient
    folder: Path

    async def owner(self) -> dict[str, str]:
        """A new tenant's owner."""
        operator = bearer((self.folder / "operator-key").read_text().strip())
        body: dict[str, Any] = {"tenant": "summit", "name": "Summit", "terms_accepted": "1"}
        made = await self.http.post("/v1/tenants", json=body, headers=operator)
        assert made.status_code == 201, made.text
        body = {"name": "owner", "scopes": ["read", "configure", "administer"]}
        key = await self.http.post(f"{PATH}/keys/first", json=body, headers=operator)
        return bearer(key.json()["token"])


@asynccontextmanager
async def up(folder: Path) -> AsyncIterator[Up]:
    """Over the data folder; killed at the end if it still runs."""
    command = [sys.executable, "-m", "chargeline", "up", "--sandbox", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, "--data", str(folder), stderr=PIPE)
    assert process.stderr is not None
    try:
        found = None
        while found is None:
            line = (await process.stderr.readline()).decode()
            assert line, "it ended before it was up"
            found = ADDRESS.search(line)
        async with httpx.AsyncClient(base_url=found.group(1), timeout=30) as http:
            yield Up(process, http, folder)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_stream_ends_when_the_process_is_asked_to_stop(tmp_path: Path) -> None:
    async with up(tmp_path / "data") as it:
        headers = await it.owner() | {"Accept": "text/event-stream"}
        async with it.http.stream("GET", f"{PATH}/events", headers=headers) as stream:
            lines = stream.aiter_lines()
            assert [await anext(lines) for _ in range(2)] == [": events", "retry: 3000"]
            it.process.send_signal(signal.SIGTERM)
            assert [line async for line in lines if line] == [], "an end, not a broken line"
        assert await asyncio.wait_for(it.process.wait(), 8) == 0, "nobody waited for the stream"


async def test_what_a_killed_process_was_sending_is_sent_by_the_next_under_the_same_id(
    tmp_path: Path,
) -> None:
    arrived = asyncio.Event()

    async def answers_nobody(_: Received) -> Response:
        arrived.set()
        await asyncio.sleep(0.2)
        return Response(status_code=200)

    async with receiver(answers_nobody) as theirs:
        async with up(tmp_path / "data") as it:
            headers = await it.owner()
            made = await it.http.post(f"{PATH}/webhooks", json={"url": theirs.url}, headers=headers)
            secret, webhook = made.json()["secret"], made.json()["id"]
            await it.http.post(f"{PATH}/webhooks/{webhook}/test", headers=headers)
            await asyncio.wait_for(arrived.wait(), 20)
            it.process.kill()
            await it.process.wait()
        async with up(tmp_path / "data") as it:

            async def delivered() -> bool:
                path = f"{PATH}/webhooks/{webhook}/deliveries"
                [row] = (await it.http.get(path, headers=headers)).json()["items"]
                return bool(row["state"] == "delivered")

            await until(delivered, within_s=30)
        first, again = theirs.got
        assert first.id == again.id
        assert first.body == again.body
        for one in theirs.got:
            Webhook(secret).verify(one.body, one.headers)
