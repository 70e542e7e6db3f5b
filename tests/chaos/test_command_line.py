"""`chargeline run` itself, killed again and again while it posts, ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import oracle
from sandbox.generate import generate_month
from support.command_line import TODAY, CommandLine, command_line

INVOICES = (1, 3, 6, 9)  # killed when so many writes have reached HaloPSA


def test_killed_while_it_posts_each_line_still_stands_once(tmp_path: Path) -> None:
    month = generate_month(23, clients=14, lines=220)
    settings = month.resolved_settings()
    settings["halopsa"] |= {"settle_s": 0.2}
    with command_line(tmp_path) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(settings)
        # Slow enough that a kill falls between two writes, or into one.
        line.fault("halopsa", kind="slow", seconds=0.05, times=-1, method="POST", path="/Invoice")
        assert all(_killed(line, invoices) for invoices in INVOICES)
        ended = line.bill()
        state = line.state("halopsa")
    load = {"pax8": month.pax8, "halopsa": month.halopsa}
    verdict = oracle.judge(load, settings, state["entities"])
    assert verdict.checked >= 220
    assert verdict.faults == []
    assert ended.code == 0, ended.said


def _killed(line: CommandLine, invoices: int) -> bool:
    """Killed once so many invoices were written; False when it had ended before."""
    where = ["--sandbox-url", line.url, "--settings", str(line.folder / "settings.toml")]
    command = ["run", *where, "--data", str(line.data), "--today", TODAY, "--yes", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-m", "chargeline", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while line.state("halopsa")["calls"].get("POST /Invoice", 0) < invoices:
        if running.poll() is not None:
            return False
    os.kill(running.pid, signal.SIGKILL)
    return running.wait() == -signal.SIGKILL
