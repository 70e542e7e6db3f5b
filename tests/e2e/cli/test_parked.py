"""A parked message from the command line: seen, and discarded by somebody who says why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chassis.clock import SystemClock
from chassis.parked import Arrival, Cause
from support.served import prepare
from support.stores import open_store, servers_for

TOPIC = "charges.held.v1"


async def parked_in(data: Path) -> str:
    """The id of a message that nobody can read."""
    servers = servers_for(data)
    if servers is not None:
        await prepare(servers)
    store = open_store(data, SystemClock())
    arrival = Arrival(f"gateway.{TOPIC}", TOPIC, 0, 7, "main/acme", b"?")
    await store.parking.park(arrival, Cause("unreadable-message", "no line"))
    [found] = await store.parking.list("main")
    await store.stop()
    store.close()
    return found.id


def typed(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chargeline", "parked", *words, "--data", str(data)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


async def test_a_parked_message_is_discarded_for_good_with_who_and_why(tmp_path: Path) -> None:
    data = tmp_path / "data"
    parked = await parked_in(data)
    assert parked in typed(data, "list").stdout
    refused = typed(data, "discard", parked, "--by", " ", "--reason", "not ours")
    assert refused.returncode == 4
    assert "discard-unexplained" in refused.stderr
    discarded = typed(data, "discard", parked, "--by", "ada", "--reason", "not ours")
    assert discarded.returncode == 0, discarded.stderr
    assert json.loads(typed(data, "list", "--json").stdout)["parked"] == []
    shown = json.loads(typed(data, "show", parked).stdout)
    assert (shown["state"], shown["discarded_by"], shown["reason"]) == (
        "discarded",
        "ada",
        "not ours",
    )
    assert "parked-discarded" in typed(data, "retry", parked).stderr
