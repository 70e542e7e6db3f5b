"""A process on real servers: it drains when asked, ends when it can not go on, is traced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from chargeline.traces import about, read_traces
from chassis.clock import SystemClock
from chassis.errors import TransientError
from chassis.leases import Leases
from chassis.limits import Budget, CallLimits
from chassis.records import Message
from chassis.servers.settings import ServerSettings
from distributed.cluster import Cluster
from distributed.month import TODAY, run, sandboxes
from sandbox.generate import generate_month
from servers import Servers
from support.embedded import Sent, sent
from support.process_of import TAKES_S
from support.processes import Started, secrets_said, started
from support.served import open_served, prepare, settings_from

TESTS = Path(__file__).parents[2]

pytestmark = pytest.mark.servers


@pytest.fixture
async def settings(served: Servers) -> ServerSettings:
    settings = settings_from(served.environment)
    await prepare(settings, Sent.topic)
    return settings


def environment_of(served: Servers, settings: ServerSettings) -> dict[str, str]:
    found = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(TESTS))))
    own = {"CHARGELINE_NAMESPACE": settings.namespace, "PYTHONPATH": found}
    return served.environment | own


async def until(reached: object, patience_s: float = 20.0) -> None:
    assert callable(reached)
    ends = time.monotonic() + patience_s
    while not await asyncio.to_thread(reached):
        assert time.monotonic() < ends, "it was not reached"
        await asyncio.sleep(0.02)


def numbers_of(port: int) -> dict[str, float]:
    """What Prometheus reads of a process, by name and labels."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    rows = (row.rpartition(" ") for row in text.splitlines() if not row.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def is_ready(process: Started) -> bool:
    return process.ask("/readyz").status_code == 200


async def test_asked_to_stop_it_is_not_ready_finishes_what_is_in_hand_and_ends_well(
    served: Servers, settings: ServerSettings, tmp_path: Path
) -> None:
    store = open_served(settings)
    words = ("support.process_of", "slow", str(tmp_path))
    environment = environment_of(served, settings)
    with started(tmp_path / "log", *words, environment=environment) as process:
        await until(lambda: is_ready(process))
        assert process.ask("/healthz").status_code == 200
        await store.bus.publish([sent(1), sent(2)])
        await until((tmp_path / "begun").exists)
        process.process.terminate()
        await asyncio.sleep(TAKES_S / 4)
        assert process.ask("/readyz").json()["why"] == ["it stops"]
        assert process.ask("/healthz").status_code == 200
        assert await asyncio.to_thread(process.process.wait, settings.drain_s) == 0
    assert await store.records.get("msp", "things", "sent-1") is not None
    assert await store.records.get("msp", "things", "sent-2") is None, "it took nothing new"
    with started(tmp_path / "second", *words, environment=environment) as process:
        await until(lambda: is_ready(process))
        for _ in range(200):
            if await store.records.get("msp", "things", "sent-2"):
                break
            await asyncio.sleep(0.05)
        await store.bus.publish([Message(Sent.topic, "msp/poison", b"?")])
        parked = 'chargeline_parked_total{code="unreadable-message",group="slow.tests.sent.v1"}'
        port = process.wait_for("process-begins")["port"]
        await until(lambda: numbers_of(port).get(parked) == 1)
        assert process.stop() == 0
        codes = [line["code"] for line in process.lines("message-parked")]
        assert codes == ["unreadable-message"], "what was done did not come again"
    assert await store.records.get("msp", "things", "sent-2") is not None
    await store.stop()


async def test_when_its_producer_can_not_go_on_it_ends_with_one_line(
    served: Servers, settings: ServerSettings, tmp_path: Path
) -> None:
    words = ("support.process_of", "failing", str(tmp_path))
    environment = environment_of(served, settings)
    with started(tmp_path / "log", *words, environment=environment) as process:
        assert await asyncio.to_thread(process.process.wait, 30) == 1
        [line] = process.lines("process-failed")
        assert (line["level"], line["service"]) == ("critical", "failing")


async def test_two_processes_together_stay_within_one_window(
    settings: ServerSettings,
) -> None:
    """Each with a connection and a budget of its own, over one store."""
    limits = CallLimits(calls=20, window_s=1.0, block=5, patience_s=0.0)
    stores = [open_served(settings) for _ in range(2)]
    budgets = [Budget(Leases(s.records, SystemClock()), "msp", "halo", limits) for s in stores]
    calls: list[float] = []
    ends = time.monotonic() + 3.0

    async def process(budget: Budget) -> None:
        while time.monotonic() < ends:
            before = time.monotonic()
            try:
                async with budget.call():
                    pass
            except TransientError as error:
                await asyncio.sleep((error.retry_after_s or 0) + 0.01)
            else:
                calls.append(before)  # the call can not have been earlier

    await asyncio.gather(*map(process, budgets))
    for store in stores:
        await store.stop()
    most = max(sum(start <= t < start + 0.95 for t in calls) for start in calls)
    assert most <= limits.calls
    assert len(calls) >= 2 * limits.calls, "and the limit is made use of"


def test_a_month_over_all_services_is_one_trace_and_is_counted(
    served: Servers, tmp_path: Path
) -> None:
    month = generate_month(7, clients=10, lines=60)
    traces = tmp_path / "traces"
    namespace = f"t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:10]}-"
    environment = served.environment | {
        "CHARGELINE_NAMESPACE": namespace,
        "CHARGELINE_TODAY": TODAY,
        "CHARGELINE_TRACE_FILE": str(traces),
        "CHARGELINE_KAFKA_PASSWORD": "canary-of-the-bus",
    }
    with sandboxes(month) as url:
        environment["CHARGELINE_SANDBOX"] = url
        with Cluster(tmp_path / "services", environment) as cluster:
            told = run(tmp_path / "client", month, url, cluster.environment)
            numbers = {r.service: numbers_of(r.port) for r in cluster.replicas}
        for replica in cluster.replicas:
            text = replica.log.read_text()
            assert secrets_said(replica.log, cluster.environment) == []
            assert {json.loads(line)["replica"] for line in text.splitlines()} == {replica.name}
    gateway, poster = numbers["gateway"], numbers["poster_halo"]
    assert gateway['chargeline_runs_ended_total{verdict="proved"}'] == 1
    assert gateway['chargeline_lines_total{fact="PostingDone",outcome="posted"}'] > 0
    assert 'chargeline_bus_lag{group="gateway.parked.v1",topic="parked.v1"}' in gateway
    assert gateway['chargeline_parked_open{state="parked"}'] == 0
    for currency, sums in told["statement"]["currencies"].items():
        labels = f'currency="{currency}",fact="PostingDone",outcome="posted"'
        money = pytest.approx(float(sums["price"]["posted"]))
        assert gateway[f"chargeline_money{{{labels}}}"] == money
    assert poster['chargeline_vendor_calls_total{method="POST",status="2xx",vendor="halopsa"}'] > 0
    assert poster['chargeline_budget_calls_total{vendor="halopsa"}'] > 0

    [trace] = about(read_traces(traces)[0], told["run_id"])
    assert set(trace.services) == {
        "gateway",
        "ingest-huntress",  # hears the command, and leaves it to whom it is for
        "ingest-pax8",
        "lifecycle",
        "normalizer",
        "poster-halo",
    }
    assert len(trace.roots) == 1, "the command that a person gave"
    processes = {span.process for span in trace.every()}
    assert processes == {*trace.services, "chargeline"}

    shown = subprocess.run(
        [sys.executable, "-m", "chargeline", "trace", "--from", str(traces), told["run_id"]],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert all(name in shown.stdout for name in trace.services)
