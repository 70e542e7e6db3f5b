"""One process of a service, with an environment of its own, asked over its health port.

Whatever it is asked, it never says a secret of its environment.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.searching import Search

KEY = base64.b64encode(bytes(range(32))).decode()
PATIENCE_S = 30.0
_LOOK_S = 0.02
_SECRETS = ("KEY", "OPERATOR_KEY", "KAFKA_PASSWORD")


@dataclass
class Started:
    """A process that runs, and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Its whole log lines, of one event or of all."""
        told = [
            json.loads(line)
            for line in self.log.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return [line for line in told if event in ("", line["event"])]

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first line of that event."""
        ends = time.monotonic() + PATIENCE_S
        while not (found := self.lines(event)):
            assert time.monotonic() < ends, f"no {event}: {self.log.read_text()[-3000:]}"
            assert self.process.poll() is None, f"it has ended: {self.log.read_text()[-3000:]}"
            time.sleep(_LOOK_S)
        return found[0]

    def ask(self, path: str) -> httpx.Response:
        """Over its health port, which its first line tells."""
        port = self.wait_for("process-begins")["port"]
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10)

    @property
    def address(self) -> str:
        """Where it answers callers, which another line tells."""
        return f"http://127.0.0.1:{self.wait_for('rest-begins')['port']}"

    def stop(self) -> int:
        """SIGTERM, and how it ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(log: Path, *words: str, environment: Mapping[str, str]) -> Iterator[Started]:
    """`python -m words`; killed at the end if it still runs."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CHARGELINE_")}
    ports = {"CHARGELINE_HEALTH_PORT": "0", "CHARGELINE_API_PORT": "0"}
    given = {**ports, "CHARGELINE_KEY": KEY, **environment}
    with log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=inherited | given, stdout=err, stderr=err
        )
    try:
        yield Started(process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
    assert secrets_said(log, given) == []


def secrets_said(log: Path, environment: Mapping[str, str]) -> list[str]:
    """Which secrets of the environment are in the log, and in which form."""
    search = Search()
    for name in _SECRETS:
        if secret := environment.get(f"CHARGELINE_{name}"):
            search.plant(name, secret)
    if address := re.search("://[^:/]*:(.+)@", environment.get("CHARGELINE_MONGODB", "")):
        search.plant("MongoDB's password", address[1])
    search.look(log.name, log.read_bytes())
    return search.found()
