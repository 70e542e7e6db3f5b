"""Network faults: Toxiproxy between our processes and the broker, the store and the vendors.

Built once from its Go module into .cache/bin. Every kind of fault lasts a drawn while and is then
taken away again.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".cache" / "bin" / "toxiproxy"
MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
GO_MIN = (1, 23)
READY_S = 20.0

# What a toxic is told; bytes are small enough to cut a message in two.
TOXICS: dict[str, dict[str, Any]] = {
    "latency": {"latency": 300, "jitter": 200},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "limit_data": {"bytes": 3000},
    "bandwidth": {"rate": 40},
    "slicer": {"average_size": 64, "size_variation": 32, "delay": 2000},
}
KINDS = (*TOXICS, "down")


class Toxiproxy:
    """`with Toxiproxy() as p`: `p.listen(name, at, upstream)`, then `p.fault(...)`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chargeline-toxiproxy-"))
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=10)
        self.names: list[str] = []

    def __enter__(self) -> Self:
        _build()
        command = [str(PROGRAM), "-host", "127.0.0.1", "-port", str(self._port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        ends = time.monotonic() + READY_S
        while time.monotonic() < ends:
            try:
                self._http.get("/version").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("toxiproxy does not come up: " + (self.folder / "log").read_text())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def listen(self, name: str, upstream: int, at: int | None = None) -> int:
        """The port that leads to `upstream`; the same name again leads elsewhere."""
        port = at or free_port()
        if name in self.names:
            self._http.delete(f"/proxies/{name}").raise_for_status()
        body = {
            "name": name,
            "listen": f"127.0.0.1:{port}",
            "upstream": f"127.0.0.1:{upstream}",
            "enabled": True,
        }
        self._http.post("/proxies", json=body).raise_for_status()
        if name not in self.names:
            self.names.append(name)
        return port

    def begin(self, name: str, kind: str, rng: Random) -> None:
        """The fault is there until `heal`."""
        if kind == "down":
            self._http.post(f"/proxies/{name}", json={"enabled": False}).raise_for_status()
            return
        toxic = {
            "name": kind,
            "type": kind,
            "stream": rng.choice(("upstream", "downstream")),
            "toxicity": 1.0,
            "attributes": TOXICS[kind],
        }
        self._http.post(f"/proxies/{name}/toxics", json=toxic).raise_for_status()

    def heal(self) -> None:
        """All faults are gone."""
        self._http.post("/reset").raise_for_status()


def missing(program: Path = PROGRAM) -> str:
    """Why this machine can not have it; empty: it is there or can be built."""
    if program.exists():
        return ""
    go = shutil.which("go")
    told = _told([go, "env", "GOVERSION"]) if go else ""
    found = re.match(r"go(\d+)\.(\d+)", told)
    able = found is not None and (int(found[1]), int(found[2])) >= GO_MIN
    return "" if able else "Go >= {}.{} is needed".format(*GO_MIN)


def _told(command: Sequence[str]) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def _build() -> None:
    if PROGRAM.exists():
        return
    assert not (why := missing()), f"Toxiproxy is built from its module: {why}"
    go = shutil.which("go")
    assert go, "it was found a moment ago"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([go, "install", MODULE], check=True, env=os.environ | {"GOBIN": folder})
        PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(folder) / "server", PROGRAM)


def free_port() -> int:
    """One that the system hands out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
