"""A MongoDB-protocol server for tests: SecantusDB, the real one in a container, or a running one.

CHARGELINE_TEST_MONGODB=secantus (default) | testcontainers | mongodb://…
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path

from servers.containers import needs_docker

# What a killed process has written to memory is there for the next one, as on a disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
READY_S = 30.0
SERVER = Path(__file__).with_name("secantus_server.py")
IMAGE = "mongo:8"


class LocalMongo:
    """SecantusDB in a process of its own: `start`, `kill`, `restart` on the same port and data."""

    def __init__(self, folder: Path | None = None) -> None:
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="chargeline-mongo-", dir=MEMORY))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def start(self) -> None:
        """Returns when it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(SERVER), "--port", str(self.port), "--log-level", "WARNING"]
        where = ["--storage-path", str(self.folder / "data")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *where], cwd=self.folder, stdout=log, stderr=log
            )
        ends = time.monotonic() + READY_S
        while time.monotonic() < ends and self._process.poll() is None:
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        tail = (self.folder / "server.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"the store does not come up:\n{tail}")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start again after a kill, with what was acknowledged before."""
        self.start()

    def stop(self) -> None:
        """End it, and leave nothing behind."""
        self.kill()
        self._process = None
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def mongodb() -> Iterator[tuple[str, LocalMongo | None]]:
    """The store's address, and the store itself if it may be killed."""
    choice = os.environ.get("CHARGELINE_TEST_MONGODB", "secantus")
    if choice == "secantus":
        store = LocalMongo()
        try:
            store.start()
            yield store.address, store
        finally:
            store.stop()
    elif choice == "testcontainers":
        with _in_docker() as uri:
            yield uri, None
    else:
        yield choice, None


def version() -> str:
    """What the tests ran on, for the record."""
    choice = os.environ.get("CHARGELINE_TEST_MONGODB", "secantus")
    if choice != "secantus":
        return choice
    from servers.secantus_server import REMEMBERED  # it brings the whole server along

    ours = f"its memory of retried writes set to {REMEMBERED}"
    return f"SecantusDB {installed('secantusdb')}, {ours}"


@contextmanager
def _in_docker() -> Iterator[str]:
    """A replica set of one: retried writes and a majority's view need a set."""
    needs_docker("CHARGELINE_TEST_MONGODB")
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    command = "--replSet chargeline --bind_ip_all"
    container = DockerContainer(IMAGE).with_command(command).with_exposed_ports(27017)
    with container:
        wait_for_logs(container, "Waiting for connections", timeout=READY_S)
        made = "rs.initiate({_id: 'chargeline', members: [{_id: 0, host: 'localhost:27017'}]})"
        ready = "while (!db.hello().isWritablePrimary) sleep(50)"
        code, said = container.exec(["mongosh", "--quiet", "--eval", f"{made}; {ready}"])
        assert code == 0, f"no replica set was made: {said!r}"
        host, port = container.get_container_host_ip(), container.get_exposed_port(27017)
        yield f"mongodb://{host}:{port}/?directConnection=true"
