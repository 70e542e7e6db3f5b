"""How every route of the assembled system is consumed: read from the subscribers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from faststream import AckPolicy

from chargeline.system import Options, System
from chassis.servers.bus import KafkaBus
from chassis.servers.settings import ServerSettings
from support.world import KEYS


@pytest.fixture
def assembled(tmp_path: Path) -> Iterator[System]:
    """Nothing is reached: the servers need not be there."""
    servers = ServerSettings(kafka="nowhere:9092", mongodb="mongodb://nowhere")
    system = System.open(tmp_path, Options(servers=servers, keys=KEYS))
    yield system
    system.close()


def subscribers(system: System) -> Sequence[Any]:
    """Whatever FastStream will start, whoever asked for it."""
    bus = system.store.bus
    assert isinstance(bus, KafkaBus)
    return bus._broker.subscribers


async def test_every_subscriber_acknowledges_only_what_is_done(assembled: System) -> None:
    routes = [(s.name, route.topic) for s in assembled.services for route in s.routes]
    policies = {s.group_id: s.ack_policy for s in subscribers(assembled)}
    assert policies == {f"{s}.{topic}": AckPolicy.NACK_ON_ERROR for s, topic in routes}
    assert len(policies) > 10


async def test_no_consumer_commits_by_itself_or_skips_what_was_published_before(
    assembled: System,
) -> None:
    for subscriber in subscribers(assembled):
        arguments = subscriber._connection_args
        assert arguments["enable_auto_commit"] is False
        assert arguments["auto_offset_reset"] == "earliest"


async def test_every_route_has_a_group_of_its_own(assembled: System) -> None:
    groups = [s.group_id for s in subscribers(assembled)]
    assert len(set(groups)) == len(groups)


async def test_the_producer_waits_for_every_copy_is_idempotent_and_packs(assembled: System) -> None:
    bus = assembled.store.bus
    assert isinstance(bus, KafkaBus)
    given = bus._broker._connection_kwargs
    assert (given["acks"], given["enable_idempotence"]) == ("all", True)
    assert given["compression_type"] == "lz4"
