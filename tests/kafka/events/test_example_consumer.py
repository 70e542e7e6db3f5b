"""The example consumer against a real broker: a story's events, some of them published twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from chassis.records import Message
from schemas.events import TOPIC
from servers import Servers
from support import small
from support.billing_events import CONSUMER, events_in
from support.served import open_served, prepare, settings_from
from support.virtual_loop import in_virtual_time
from support.whole import TENANT
from support.world import World

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """A document is planned, approved and posted in one process."""
    folder = tmp_path_factory.mktemp("story")

    async def story() -> None:
        async with World(folder) as w:
            await w.approve(await w.bill(approve_items=True))

    in_virtual_time(story())
    return events_in(folder)


async def consumed(environment: dict[str, str], code: int = 0) -> list[str]:
    """What the example prints once it has read all there is, and ended with the code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CONSUMER), "--once"),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == code, wrong.decode()
    return said.decode().splitlines()


async def published(served: Servers, messages: Sequence[Message]) -> dict[str, str]:
    """What the example needs to read them, on a topic of their own."""
    settings = settings_from(served.environment)
    await prepare(settings)
    store = open_served(settings)
    await store.start()
    try:
        await store.bus.publish(messages)
    finally:
        await store.stop()
    return {"KAFKA": settings.kafka, "TENANT": TENANT, "TOPIC": settings.topic(TOPIC)}


async def test_its_totals_equal_the_statement_however_often_it_reads(
    served: Servers, told: list[Message], tmp_path: Path
) -> None:
    assert {json.loads(m.value)["data"]["tenant"] for m in told} == {TENANT}
    other = Message(TOPIC, "another tenant", told[-1].value, told[-1].headers)
    topic = await published(served, [*told, *told[:3], other])
    environment = topic | {"LEDGER": str(tmp_path / "ledger.db")}
    wanted = ["Acme  USD  20.00", "Bolt  USD  20.00"]
    checked = f"{small.DOCUMENT}  USD  40.00 = statement 40.00"
    assert sorted(await consumed(environment)) == sorted([*wanted, checked])
    assert sorted(await consumed(environment)) == sorted([*wanted, checked])


async def test_it_fails_where_the_events_are_not_what_the_statement_says(
    served: Servers, told: list[Message], tmp_path: Path
) -> None:
    """A batch's posting never came."""
    first = next(m for m in told if json.loads(m.value)["type"] == "chargeline.posting.done.v1")
    topic = await published(served, [m for m in told if m is not first])
    said = await consumed(topic | {"LEDGER": str(tmp_path / "ledger.db")}, code=1)
    assert said[-1] == f"{small.DOCUMENT}  USD  20.00 DIFFERS FROM statement 40.00"
