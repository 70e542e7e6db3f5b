"""`chargeline run` itself, killed at drawn moments, ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import oracle
from sandbox.generate import generate_month
from support.command_line import TODAY, CommandLine, command_line

KILLS = 5


def test_killed_at_drawn_moments_each_line_still_stands_once(tmp_path: Path) -> None:
    month = generate_month(23, clients=14, lines=220)
    settings = month.resolved_settings()
    settings["halopsa"] |= {"settle_s": 0.2}
    rng = random.Random(23)
    with command_line(tmp_path) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(settings)
        # The sandboxes answer slowly enough that the moments fall between the calls.
        for vendor in ("pax8", "halopsa"):
            line.fault(vendor, kind="slow", seconds=0.03, times=-1)
        kills = sum(_killed(line, rng.uniform(0.6, 2.5)) for _ in range(KILLS))
        ended = line.bill()
        state = line.state("halopsa")
    load = {"pax8": month.pax8, "halopsa": month.halopsa}
    verdict = oracle.judge(load, settings, state["entities"])
    assert verdict.checked >= 220
    assert verdict.faults == []
    assert ended.code == 0, ended.said
    assert kills >= 3, "most runs were under way when they were killed"


def _killed(line: CommandLine, after_s: float) -> bool:
    """True when the process was still at work."""
    where = ["--sandbox-url", line.url, "--settings", str(line.folder / "settings.toml")]
    command = ["run", *where, "--data", str(line.data), "--today", TODAY, "--yes", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-m", "chargeline", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_s)
    alive = running.poll() is None
    if alive:
        os.kill(running.pid, signal.SIGKILL)
    running.wait()
    return alive
