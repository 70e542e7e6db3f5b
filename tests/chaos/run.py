"""Runs the histories and says what came of them: `make chaos`.

python -m chaos.run                     500 histories, 62 of them real processes
RUNS=40 CHAOS_SCALE=2 python -m chaos.run
python -m chaos.run --seed 33           one simulated seed, with its story
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from chaos import faults, history, noticed, real
from chaos.history import Outcome
from chaos.operations import OPERATIONS

RUNS = 500
SHARE_REAL, SHARE_NOTICED = 8, 10  # one in so many
FIRST_SEED = 1
KINDS_EXPECTED_FROM = 200  # runs; fewer can not be expected to meet every kind

PLAYS = {"simulated": history.play, "real": real.play, "noticed": noticed.play}
Job = tuple[str, int]


def plan(runs: int) -> list[Job]:
    """Which seed is played how."""
    jobs: list[Job] = []
    for number in range(runs):
        seed = FIRST_SEED + number
        if number % SHARE_REAL == SHARE_REAL - 1:
            jobs.append(("real", seed))
        elif number % SHARE_NOTICED == 0:
            jobs.append(("noticed", seed))
        else:
            jobs.append(("simulated", seed))
    return jobs


def play(job: Job) -> tuple[Job, Outcome]:
    """One history, in whatever process this is."""
    kind, seed = job
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=_memory()) as folder:
        return job, PLAYS[kind](seed, Path(folder) / "history")


def main() -> int:
    """0 only when nothing was lost, doubled or unbalanced, and every kind of fault fired."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--as", dest="kind", choices=sorted(PLAYS), default="simulated")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one((asked.kind, asked.seed))
    runs = int(int(os.environ.get("RUNS", RUNS)) * float(os.environ.get("CHAOS_SCALE", "1")))
    with multiprocessing.Pool(os.cpu_count() or 1, maxtasksperchild=40) as pool:
        return _report(pool.imap_unordered(play, plan(runs)), runs)


def _one(job: Job) -> int:
    _, outcome = play(job)
    print(f"seed={outcome.seed} events={outcome.events} trace={outcome.trace}")
    print("\n".join(f"  {line}" for line in outcome.story))
    _wrong(job, outcome)
    return 0 if outcome.is_good else 1


def _report(played: Iterable[tuple[Job, Outcome]], runs: int) -> int:
    fired: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    for done, (job, outcome) in enumerate(played, 1):
        fired += outcome.fired
        counts += Counter(
            {
                job[0]: 1,
                "kills": outcome.crashes,
                "lost": len(outcome.lost),
                "doubled": len(outcome.doubled),
                "unbalanced": len(outcome.unbalanced),
            }
        )
        _wrong(job, outcome)
        if done % 50 == 0:
            print(f"… {done} of {runs}", flush=True)
    kinds = Counter[str]()
    print("faults fired, by kind and step:")
    for (kind, step), count in sorted(fired.items()):
        kinds[kind] += count
        print(f"  {kind:22} {count:6}  {step}")
    wanted = {*faults.MACHINE, *faults.VENDORS, *noticed.KINDS, "rivals"}
    silent = sorted(k for k in wanted if not kinds[k])
    silent += [f"operation {name}" for name in OPERATIONS if not fired["operation", name]]
    complete = runs >= KINDS_EXPECTED_FROM
    if silent:
        print(f"never fired: {', '.join(silent)}{'' if complete else ' (too few runs to judge)'}")
    good = not (counts["lost"] or counts["doubled"] or counts["unbalanced"])
    print(
        f"runs={runs} real={counts['real']} simulated={counts['simulated']}"
        f" noticed={counts['noticed']} kills={counts['kills']} faults={kinds.total()}"
        f" lost={counts['lost']} doubled={counts['doubled']} unbalanced={counts['unbalanced']}"
    )
    return 0 if good and not (silent and complete) else 1


def _wrong(job: Job, outcome: Outcome) -> None:
    """Every line that is not as it must be, and how to see it again."""
    for kind in ("lost", "doubled", "unbalanced"):
        for text in getattr(outcome, kind)[:6]:
            print(f"{job[0]} seed {job[1]}: {kind}: {text}", flush=True)
    if not outcome.is_good and job[0] == "simulated":
        print(f"  again: python -m chaos.run --seed {job[1]}", flush=True)


def _memory() -> str | None:
    """A folder that is kept in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets must be walked in the same order
        os.execve(sys.executable, [sys.executable, "-m", "chaos.run", *sys.argv[1:]], {
            **os.environ, "PYTHONHASHSEED": "0",
        })  # fmt: skip
    sys.exit(main())
