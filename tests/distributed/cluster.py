"""Every service as a process of its own, in replicas, on a broker and a store that are there."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from chassis.servers.settings import ServerSettings

SERVICES = ("ingest_pax8", "ingest_huntress", "normalizer", "lifecycle", "poster_halo", "gateway")
KEY_BYTES = bytes(range(32))
KEY = base64.urlsafe_b64encode(KEY_BYTES).decode()
READY_S = 60.0
STOP_S = 40.0
TAIL = 30


def settings_of(environment: Mapping[str, str]) -> ServerSettings:
    """What processes with that environment are told, for a client of the same servers."""
    prefix = "CHARGELINE_"
    given = {k: v for k, v in environment.items() if k.startswith(prefix)}
    found = {k.removeprefix(prefix).lower(): v for k, v in given.items()}
    names = ServerSettings.model_fields
    return ServerSettings.model_validate({n: v for n, v in found.items() if n in names})


@dataclass
class Replica:
    """One process of one service, however often it is started."""

    service: str
    number: int
    environment: dict[str, str]
    folder: Path
    begins: int = 0  # where in the log this start does
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        assert not self.alive, f"{self.name} runs"
        environment = self.environment | {
            # Any that is free: one that was free a moment ago may be somebody else's by now.
            "CHARGELINE_HEALTH_PORT": "0",
            "CHARGELINE_API_PORT": "0",
            "CHARGELINE_REPLICA": self.name,
        }
        with self.log.open("ab") as log:
            self.begins = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.service],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> bool:
        """SIGKILL; False: it was not running."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait()
        return True

    def ask_to_stop(self) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM, and how it ended."""
        assert self.process is not None, "it was started"
        self.ask_to_stop()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.name} does not stop\n{self.tail()}") from None

    def ready(self) -> bool:
        port = self.told("process-begins")
        if port is None:
            return False
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
        return False

    @property
    def port(self) -> int:
        """Where it says how it is."""
        port = self.told("process-begins")
        assert port is not None, f"{self.name} has not begun"
        return port

    def told(self, event: str) -> int | None:
        """The port in that line of its log since it was started; None: it is not there yet."""
        with self.log.open("rb") as log:
            log.seek(self.begins)
            for line in log:
                if f'"{event}"'.encode() in line and line.endswith(b"\n"):
                    port: int = json.loads(line)["port"]
                    return port
        return None

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"---- {self.log}\n" + "\n".join(lines[-TAIL:])


class Cluster:
    """`with Cluster(...) as c`: all replicas are ready inside, and asked to stop at the end."""

    def __init__(self, folder: Path, environment: dict[str, str], replicas: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {"CHARGELINE_KEY": KEY} | environment
        self.replicas = [
            Replica(service, number, self.environment, folder)
            for service in SERVICES
            for number in range(replicas)
        ]

    @property
    def api(self) -> str:
        """Where the first gateway answers callers."""
        gateway = next(r for r in self.replicas if r.service == "gateway")
        return f"http://127.0.0.1:{gateway.told('rest-begins')}"

    def __enter__(self) -> Self:
        for group in ("topics", "indexes"):
            command = [sys.executable, "-m", "chargeline", group, "apply"]
            subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        try:
            for replica in self.replicas:
                replica.start()
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
            return
        codes = self.stop()
        ill = "\n".join(replica.tail() for replica in self.replicas if codes[replica.name])
        assert not ill, f"not every process stopped cleanly: {codes}\n{ill}"

    def wait_until_ready(self, patience_s: float = READY_S) -> None:
        """Every replica has joined its groups and reaches its store."""
        ends = time.monotonic() + patience_s
        for replica in self.replicas:
            while not replica.ready():
                ended = not replica.alive
                if ended or time.monotonic() > ends:
                    why = "has ended" if ended else "is not ready"
                    raise AssertionError(f"{replica.name} {why}\n{replica.tail()}")
                time.sleep(0.1)

    def stop(self) -> dict[str, int]:
        """Ask all to stop, side by side; their exit codes."""
        for replica in self.replicas:
            replica.ask_to_stop()
        return {r.name: r.stop() for r in self.replicas if r.process is not None}

    def kill(self) -> None:
        for replica in self.replicas:
            replica.kill()
