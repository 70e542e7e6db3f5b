"""Processes that share a tenant's HaloPSA, which enforces its limit: nobody is ever refused."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from distributed.month import sandboxes
from sandbox.generate import generate_month
from servers import Servers
from support.process_of import CALLS
from support.processes import started
from support.served import prepare, settings_from

pytestmark = pytest.mark.servers

TESTS = Path(__file__).parents[2]
# Shorter than the window that is kept: on a busy machine a call may take two seconds to get there.
ENFORCED = {"rate_limit": {"calls": CALLS, "seconds": 3}}
PATIENCE_S = 60.0


@pytest.fixture
def sandbox() -> Iterator[str]:
    with sandboxes(generate_month(7, clients=10, lines=60)) as url:
        load = {"settings": ENFORCED}
        httpx.post(f"{url}/_sandbox/halopsa/load", json=load).raise_for_status()
        yield url


async def test_two_processes_share_a_tenants_limit_and_the_vendor_refuses_nothing(
    served: Servers, sandbox: str, tmp_path: Path
) -> None:
    own = settings_from(served.environment)
    await prepare(own)
    with two(served, sandbox, tmp_path, own.namespace, own.namespace):
        found = answers(tmp_path, lambda by: sum(map(Counter.total, by)) > 2 * CALLS)
    assert all(set(statuses) == {"200"} for statuses in found), "no 429"
    assert min(map(Counter.total, found)) > CALLS / 5, "both have made use of it"


async def test_each_with_a_limit_of_its_own_they_are_refused(
    served: Servers, sandbox: str, tmp_path: Path
) -> None:
    """The counter-proof: the vendor counts, and what keeps them within its limit is the store."""
    apart = [settings_from(served.environment) for _ in range(2)]
    for own in apart:
        await prepare(own)
    with two(served, sandbox, tmp_path, *(own.namespace for own in apart)):
        answers(tmp_path, lambda by: any("429" in statuses for statuses in by))


@contextmanager
def two(served: Servers, sandbox: str, folder: Path, *namespaces: str) -> Iterator[None]:
    """Processes over the namespaces; both begin to call at once."""
    paths = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(TESTS))))
    given = served.environment | {"CHARGELINE_SANDBOX": sandbox, "PYTHONPATH": paths}
    with ExitStack() as stack:
        for number, namespace in enumerate(namespaces):
            environment = given | {"CHARGELINE_NAMESPACE": namespace}
            words = ("support.process_of", "calling", str(folder))
            log = folder / f"log-{number}"
            stack.enter_context(started(log, *words, environment=environment))
        answers(folder, lambda by: len(by) == len(namespaces))
        (folder / "go").touch()
        yield


def answers(folder: Path, reached: Callable[[list[Counter[str]]], bool]) -> list[Counter[str]]:
    """By process, how often it was answered with which status."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        found = [Counter(file.read_text().split()) for file in folder.glob("statuses-*")]
        if reached(found):
            return found
        logs = "\n".join(log.read_text()[-2000:] for log in folder.glob("log-*"))
        assert time.monotonic() < ends, f"{found}\n{logs}"
        time.sleep(0.02)
