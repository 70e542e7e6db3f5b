"""A gateway with somebody listening: a stream that ends well, a delivery that outlives it.

Over a data folder it is `chargeline up`; over servers `python -m gateway`, and no other service.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from starlette.responses import Response

from support.processes import KEY
from support.rest import bearer
from support.served import prepare
from support.stores import servers_for
from support.telling import Received, receiver, until

pytestmark = pytest.mark.e2e
ADDRESS = re.compile(r'up at http://127.0.0.1:(\d+)/v1|"port": (\d+), "event": "rest-begins"')
OPERATOR = f"ck_{'ab' * 8}_{'cd' * 32}"
NO_VENDORS = "http://127.0.0.1:9"  # a trial's, so that a receiver on this machine may be told
PATH = "/v1/tenants/summit"


@dataclass
class Up:
    """The process, who asks it, and the operator's key."""

    process: Process
    http: httpx.AsyncClient
    operator: str

    async def owner(self) -> dict[str, str]:
        """A new tenant's owner."""
        operator = bearer(self.operator)
        body: dict[str, Any] = {"tenant": "summit", "name": "Summit", "terms_accepted": "1"}
        made = await self.http.post("/v1/tenants", json=body, headers=operator)
        assert made.status_code == 201, made.text
        body = {"name": "owner", "scopes": ["read", "configure", "administer"]}
        key = await self.http.post(f"{PATH}/keys/first", json=body, headers=operator)
        return bearer(key.json()["token"])


@asynccontextmanager
async def up(folder: Path) -> AsyncIterator[Up]:
    """Over the data folder or what stands for it; killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - nobody else is at work here
    words, own = await gateway_over(folder)
    log = folder / "up.log"
    with log.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *words), env=os.environ | own, stderr=err
        )
    try:

        async def begun() -> bool:
            assert process.returncode is None, f"it ended before it was up: {log.read_text()}"
            return ADDRESS.search(log.read_text()) is not None

        await until(begun, within_s=60)
        found = ADDRESS.search(log.read_text())
        assert found is not None
        root = f"http://127.0.0.1:{found[1] or found[2]}"
        async with httpx.AsyncClient(base_url=root, timeout=30) as http:

            async def ready() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await until(ready, within_s=60)
            file = folder / "operator-key"
            yield Up(process, http, file.read_text().strip() if file.exists() else OPERATOR)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def gateway_over(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The module with its arguments, and what its environment adds to ours."""
    servers = servers_for(folder)
    if servers is None:
        return ["chargeline", "up", "--sandbox", "--port", "0", "--data", str(folder)], {}
    await prepare(servers)
    return ["gateway"], {
        "CHARGELINE_NAMESPACE": servers.namespace,
        "CHARGELINE_HEALTH_PORT": "0",
        "CHARGELINE_API_PORT": "0",
        "CHARGELINE_KEY": KEY,
        "CHARGELINE_OPERATOR_KEY": OPERATOR,
        "CHARGELINE_SANDBOX": NO_VENDORS,
    }


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
