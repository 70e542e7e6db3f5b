"""`python -m distributed.run`: the suites that need real servers, and the crash histories.

KILLS=50 and CHAOS_SCALE=1 by default; ONLY=contracts|stories|commands|crashes runs one part.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from distributed import crash, deck
from distributed.reaper import Network
from servers import Servers, servers, toxiproxy, versions
from servers.toxiproxy import Toxiproxy

TESTS = Path(__file__).parents[1]
KILLS = int(os.environ.get("KILLS", "50")) * int(os.environ.get("CHAOS_SCALE", "1"))
KILLS_EACH = 17
# As the matrix of tests asks for; smaller runs ask for their share.
REBALANCES_MIN = min(10, KILLS)
FAULTS_MIN = 20 * KILLS // 50
FOLDERLESS = ("-m", "not servers and not folder")
STUCK = "--timeout=120"  # a story takes seconds; one that stands is told at once
SHOWN = 20
COMMANDS = re.compile(r"test_(command_line|over_a_gateway|parked|trace|vault|up|month_by_curl)\.py")
# Time passes twenty times as fast in the stories, so what the servers count for themselves is
# given in hours, and what a busy machine needs is not counted against a handler: a minute would be
# three seconds, and a message that takes them thrice is parked. A command line lives in real time.
IN_HASTE = {
    "CHARGELINE_HANDLER_TIMEOUT_S": "1200",
    "CHARGELINE_MAX_POLL_INTERVAL_S": "6000",
    "CHARGELINE_HEARTBEAT_S": "10",
    "CHARGELINE_REQUEST_TIMEOUT_S": "600",
    "CHARGELINE_REBALANCE_TIMEOUT_S": "120",
    "CHARGELINE_SESSION_TIMEOUT_S": "6",
    "CHARGELINE_DRAIN_S": "100",
    "CHARGELINE_SWEEP_S": "20",
    "CHARGELINE_LEASE_TTL_S": "120",
}
ON_SERVERS = {
    "CHARGELINE_STORIES_ON": "servers",
    "CHARGELINE_NAMESPACE": "{data}-",
    "CHARGELINE_PARTITIONS": "1",
    "CHARGELINE_HOST": "1",
}


def main() -> int:
    """Exit code 0 when every part is as it must be."""
    only = os.environ.get("ONLY") or None
    parts = {
        "contracts": contracts,
        "stories": stories,
        "commands": commands,
        "crashes": crashes,
    }
    failed = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end, and their memory
    print(versions(), flush=True)
    for name, part in parts.items():
        if only in (None, name):
            began = time.monotonic()
            print(f"-- {name}", flush=True)
            with servers() as real:  # thousands of topics would slow its restarts
                if part(real):
                    failed.append(name)
            print(f"-- {name}: {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def contracts(real: Servers) -> int:
    """The same promises asked of Kafka and MongoDB, and what only they can break."""
    return _tests(real.environment, "-m", "servers", str(TESTS))


def stories(real: Servers) -> int:
    """The end-to-end suite, unchanged, over Kafka and MongoDB."""
    files = [str(f) for f in _stories() if not COMMANDS.fullmatch(f.name)]
    return _tests(real.environment | ON_SERVERS | IN_HASTE, STUCK, *FOLDERLESS, *files)


def commands(real: Servers) -> int:
    """Its processes, which live in real time."""
    files = [str(f) for f in _stories() if COMMANDS.fullmatch(f.name)]
    return _tests(real.environment | ON_SERVERS, *FOLDERLESS, *files)


def crashes(real: Servers) -> int:
    """Every service twice, killed and rolled at drawn moments, in one history after the other."""
    # The driver asks again by itself; what its client says of every try would bury the results.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    ours = {"broker": real.broker, "store": real.store}
    mortal = {name: server for name, server in ours.items() if server is not None}
    why = toxiproxy.missing() if len(mortal) == len(ours) else "broker and store are not ours"
    if why and os.environ.get("CI"):
        print(f"network_faults=not run ({why})")
        return 1
    outcomes = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chargeline-crash-"))
        network = None
        if not why and real.broker is not None and real.store is not None:
            proxy = stack.enter_context(Toxiproxy())
            network = Network(proxy, real.broker, real.store)
        for seed in range(-(-KILLS // KILLS_EACH)):
            place = Path(folder) / str(seed)
            one = crash.Crash(seed, place, real.environment, KILLS_EACH, mortal, network)
            outcomes.append(crash.play(one))
            _tell(outcomes[-1])
    return judged(outcomes, list(mortal), why)


def _tell(outcome: crash.Outcome) -> None:
    print(
        f"history {outcome.seed}: {outcome.seconds:.0f} s {dict(outcome.happened)}",
        flush=True,
    )
    for wrong in outcome.wrong[:SHOWN]:
        print(f"  {wrong}")


def judged(outcomes: Sequence[crash.Outcome], able: Sequence[str], why: str) -> int:
    """0: nothing is lost, doubled or unbalanced, and all that has to happen did."""
    happened = sum((outcome.happened for outcome in outcomes), Counter[str]())
    for what, times in sorted(happened.items()):
        print(f"  {what:<28}{times:>5}")
    kills, at_work = deck.total(happened, "kill"), happened["met work"]
    rebalances = deck.total(happened, "rebalance")
    faults = deck.total(happened, "network")
    lost, doubled, unbalanced = (
        sum(len(getattr(outcome, name)) for outcome in outcomes)
        for name in ("lost", "doubled", "unbalanced")
    )
    print(
        f"kills={kills} at_work={at_work} rebalances={rebalances}"
        f" restarts={deck.total(happened, 'restart')}"
        f" network_faults={f'not run ({why})' if why else faults}"
        f" lost={lost} doubled={doubled} unbalanced={unbalanced}",
        flush=True,
    )
    few = [f"no {name}" for name in deck.missing(happened, able, () if why else deck.WAYS)]
    least = {"kills": (kills, KILLS), "kills at work": (at_work, kills / 2)}
    least["rebalances"] = (rebalances, REBALANCES_MIN)
    least["network faults"] = (faults, 0 if why else FAULTS_MIN)
    few += [f"{n} {what}, {wanted:g} wanted" for what, (n, wanted) in least.items() if n < wanted]
    if few:
        print(f"too few: {'; '.join(few)}")
    return int(bool(lost or doubled or unbalanced or few))


def _stories() -> Sequence[Path]:
    return sorted((TESTS / "e2e").rglob("test_*.py"))


def _tests(environment: dict[str, str], *what: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "suites", *what], env=os.environ | environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
