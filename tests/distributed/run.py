"""`python -m distributed.run`: the suites that need real servers, and the crash histories.

KILLS=50 and CHAOS_SCALE=1 by default; ONLY=contracts|stories|commands|crashes runs one part.
"""

from __future__ import annotations

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

from distributed import crash
from servers import Servers, servers, versions
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
    happened: Counter[str] = Counter()
    lost = doubled = unbalanced = 0
    able = tuple(server for server in (real.broker, real.store) if server is not None)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chargeline-crash-"))
        proxy = stack.enter_context(Toxiproxy()) if len(able) == 2 else None
        proxied = proxy is not None
        for seed in range(-(-KILLS // KILLS_EACH)):
            place = Path(folder) / str(seed)
            network = None
            if proxy is not None and real.broker is not None and real.store is not None:
                network = crash.Network(proxy, real.broker, real.store)
            outcome = crash.play(seed, place, real.environment, KILLS_EACH, able, network)
            happened += outcome.happened
            lost, doubled = lost + len(outcome.lost), doubled + len(outcome.doubled)
            unbalanced += len(outcome.unbalanced)
            print(f"history {seed}: {outcome.seconds:.0f} s {dict(outcome.happened)}", flush=True)
            for wrong in outcome.wrong[:SHOWN]:
                print(f"  {wrong}")
    for what, times in sorted(happened.items()):
        print(f"  {what:<28}{times:>5}")
    kills = _sum(happened, "kill ")
    rebalances = kills + 2 * _sum(happened, "roll ")  # a rolled process leaves and comes again
    restarts = _sum(happened, "restart ")
    faults = _sum(happened, "network ")
    print(
        f"kills={kills} rebalances={rebalances} restarts={restarts} network_faults={faults}"
        f" lost={lost} doubled={doubled} unbalanced={unbalanced}",
        flush=True,
    )
    few = kills < KILLS or rebalances < REBALANCES_MIN
    if proxied:
        few = few or faults < FAULTS_MIN
    if few:
        print(f"too few: {KILLS} kills, {REBALANCES_MIN} rebalances, {FAULTS_MIN} faults wanted")
    return int(bool(lost or doubled or unbalanced) or few)


def _stories() -> Sequence[Path]:
    return sorted((TESTS / "e2e").rglob("test_*.py"))


def _tests(environment: dict[str, str], *what: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "suites", *what], env=os.environ | environment, check=False
    ).returncode


def _sum(happened: Counter[str], prefix: str) -> int:
    return sum(times for what, times in happened.items() if what.startswith(prefix))


if __name__ == "__main__":
    sys.exit(main())
