"""The example consumer against a real broker: a story's events, some of them published twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
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


async def consumed(environment: dict[str, str]) -> list[str]:
    """What the example prints once it has read all there is."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CONSUMER), "--once"),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 0, wrong.decode()
    return said.decode().splitlines()


async def test_its_totals_equal_the_statement_however_often_it_reads(
    served: Servers, told: list[Message], tmp_path: Path
) -> None:
    settings = settings_from(served.environment)
    await prepare(settings)
    store = open_served(settings)
    await store.start()
    try:
        other = Message(TOPIC, "another tenant", told[-1].value, told[-1].headers)
        await store.bus.publish([*told, *told[:3], other])
    finally:
        await store.stop()
    assert {json.loads(m.value)["data"]["tenant"] for m in told} == {TENANT}
    environment = {
        "KAFKA": settings.kafka,
        "TENANT": TENANT,
        "TOPIC": settings.topic(TOPIC),
        "LEDGER": str(tmp_path / "ledger.db"),
    }
    wanted = ["Acme  USD  20.00", "Bolt  USD  20.00"]
    checked = f"{small.DOCUMENT}  USD  40.00 = statement 40.00"
    assert sorted(await consumed(environment)) == sorted([*wanted, checked])
    assert sorted(await consumed(environment)) == sorted([*wanted, checked])
