"""One history of real processes: SIGKILL at drawn moments against a sandbox in its own process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import oracle
from chaos import world
from chaos.history import Outcome
from sandbox.core import dumps, loads

KILLS = (1, 1, 2, 2, 3, 4)
STARTS_MAX = 8
HANGS_MAX = 2
RIVAL_S = 8.0
RIVALS = 3  # in one history of so many, two processes are started on one folder
PATIENCE_S = 20.0
TESTS = str(Path(__file__).parents[1])
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))
}
SERVE = """
import sys
from datetime import date
from pathlib import Path
from sandbox.serve import serve
serve(0, None, today=date.fromisoformat(sys.argv[1]))
"""
# Faults whose wait is short: time passes for real here.
KINDS = ("lost_answer", "reset", "empty_500", "error_500", "html", "truncated", "unauthorized")
CALLS = (
    ("pax8", "GET", "/invoices"),
    ("halopsa", "GET", "/Client"),
    ("halopsa", "GET", "/Invoice"),
    ("halopsa", "POST", "/Invoice"),
    ("halopsa", "POST", "/RecurringInvoice"),
)


class Real:
    """The sandbox's process, and the system's as often as it is started."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.rng = Random(f"real {seed}")
        self.world = world.make(seed, small=True)
        self.settings = json.loads(dumps(self.world.settings))
        self.settings["halopsa"]["settle_s"] = 0.3
        self.outcome = Outcome(seed)
        self.url = ""
        self.hangs = 0

    def live(self) -> Outcome:
        """Kill, start again, until it has ended by itself; then the oracle."""
        self.folder.mkdir(parents=True)
        serving = [sys.executable, "-c", SERVE, self.world.today.isoformat()]
        with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as sandbox:
            try:
                assert sandbox.stdout is not None, "its ready line is read"
                self.url = sandbox.stdout.readline().split()[-1]
                self._load()
                self._histories()
                state = self._get("/_sandbox/halopsa/state")
                self._count()
            finally:
                sandbox.kill()
        verdict = oracle.judge(self.world.file(), self.settings, state["entities"])
        self.outcome.lost += [str(f) for f in verdict.of("lost")]
        self.outcome.doubled += [str(f) for f in verdict.of("doubled")]
        self.outcome.unbalanced += [str(f) for f in verdict.of("unbalanced")]
        return self.outcome

    def _load(self) -> None:
        for name, payload in self.world.load.items():
            self._post(f"/_sandbox/{name}/load", payload)
        if self.world.later is not None and self.world.behaviour != "recurring":
            self._post("/_sandbox/pax8/load", self.world.later)
        else:
            self.world.later = None
        for _ in range(self.rng.choice((0, 1, 2))):
            vendor, method, path = self.rng.choice(CALLS)
            fault = {"kind": self.rng.choice(KINDS), "method": method, "path": path}
            self._post(f"/_sandbox/{vendor}/faults", fault | {"after": self.rng.choice((0, 1, 2))})

    def _histories(self) -> None:
        kills = self.rng.choice(KILLS)
        if self.seed % RIVALS == 0:
            self._rivals()
        for start in range(STARTS_MAX):
            killed = start < kills
            shown = self._start(self.rng.uniform(0.01, 0.45) if killed else None)
            if self.hangs == HANGS_MAX:
                break
            if shown is None:
                continue
            self._delete("/_sandbox/pax8/faults")
            self._delete("/_sandbox/halopsa/faults")
            gaps = self._gaps(shown)
            if not gaps:
                return
            self.outcome.story.append(f"{gaps[0]} {[s['codes'] for s in shown.values()]}")
        self.outcome.unbalanced.append(f"liveness: {self.outcome.story[-1:]}")

    def _rivals(self) -> None:
        """A second process on the folder, while the first one's write takes its time.

        It must end at once: it can not know that the write is still under way.
        """
        path = "/RecurringInvoice" if self.world.behaviour == "recurring" else "/Invoice"
        slow = {"kind": "slow", "seconds": 1.5, "method": "POST", "path": path}
        self._post("/_sandbox/halopsa/faults", slow)
        rivals = []
        for wait_s in (0.0, 0.7):
            time.sleep(wait_s)
            rivals.append(
                subprocess.Popen(
                    self._command(),
                    env=ENVIRONMENT,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        for one in reversed(rivals):
            _ended(one, RIVAL_S)
        (first, second) = (_open_between(one) for one in rivals)
        self.outcome.fired["rivals", "two processes"] += 1
        if first and second and max(first[0], second[0]) < min(first[1], second[1]):
            self.outcome.unbalanced.append("a second process worked in the folder of the first")

    def _command(self) -> list[str]:
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(self.settings), encoding="utf-8")
        return [
            sys.executable, "-m", "chaos.runner", self.url, str(self.folder / "data"),
            str(settings), self.world.today.isoformat(),
        ]  # fmt: skip

    def _start(self, kill_after_s: float | None) -> dict[str, Any] | None:
        command = self._command()
        with subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as running:
            assert running.stdout is not None, "its answer is read"
            running.stdout.readline()
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                if running.poll() is None:
                    running.send_signal(signal.SIGKILL)
                    self.outcome.crashes += 1
                    self.outcome.fired["crash", "SIGKILL"] += 1
                    return None
            try:
                said, _ = running.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                running.kill()
                self.outcome.story.append("it did not end by itself")
                self.hangs += 1
                return None
        if running.returncode:
            self.outcome.story.append(f"it ended with {running.returncode}")
            return None
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def _gaps(self, shown: dict[str, Any]) -> list[str]:
        expected = oracle.expectations(
            self.world.file()["pax8"], self.world.load["halopsa"], self.settings
        )
        gaps: list[str] = []
        for document in self.world.documents:
            lines = [e for e in expected if e.document == document and not e.members]
            statement = shown.get(document, {}).get("statement", {})
            gaps += oracle.statement_gaps(document[:8], lines, statement)
        return gaps

    def _count(self) -> None:
        for vendor in ("pax8", "halopsa"):
            fired: dict[str, int] = self._get(f"/_sandbox/{vendor}/state")["faults"]["fired"]
            self.outcome.fired += Counter({(k, f"{vendor} (real)"): n for k, n in fired.items()})

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}") as answer:
            return loads(answer.read())

    def _post(self, path: str, payload: Any) -> None:
        request = urllib.request.Request(f"{self.url}{path}", data=dumps(payload), method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status < 300, "the sandbox takes it"

    def _delete(self, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", method="DELETE")).close()


def _open_between(process: subprocess.Popen[str]) -> tuple[float, float] | None:
    """From when to when it had the folder, if it had; its end is the end of that, too."""
    process.kill()
    ended = time.monotonic()
    said, _ = process.communicate()
    at = dict(line.split() for line in said.splitlines() if line.startswith(("open ", "closed ")))
    return (float(at["open"]), float(at.get("closed", ended))) if "open" in at else None


def _ended(process: subprocess.Popen[str], patience_s: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)


def play(seed: int, folder: Path) -> Outcome:
    """Run one seed; its moments are the clock's, so it is repeated but not replayed exactly."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return Real(seed, folder).live()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
