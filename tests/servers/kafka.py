"""Apache Kafka for tests: a real broker of its own, one that is there, or one in a container.

CHARGELINE_TEST_KAFKA=local (default) | testcontainers | host:port
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.containers import needs_docker

ROOT = Path(__file__).parents[2]
POM = ROOT / "deploy" / "kafka-dev" / "pom.xml"
VERSION = re.findall(r"<kafka>(.+)</kafka>", POM.read_text(encoding="utf-8"))[0]
JARS = ROOT / ".cache" / f"kafka-dev-{VERSION}"
PROPERTIES = ROOT / "deploy" / "kafka-dev" / "server.properties"
CLUSTER_ID = "Y2hhcmdlbGluZS10ZXN0cw"
# What a killed process has written to memory is there for the next one, as on a disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
READY_S = 60.0
STOP_S = 20.0
TAIL = 40
IMAGE = f"apache/kafka:{VERSION}"


class LocalKafka:
    """One broker in KRaft mode: `start`, `kill`, `restart` on the same port and the same data.

    A proxy that listens on `proxied` and leads to `behind` keeps its clients.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="chargeline-kafka-", dir=MEMORY))
        self.port, self._controller, self.behind, self.proxied = _free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Formatted on first use; returns when it answers."""
        _fetch_jars()
        config = self.folder / "server.properties"
        if not config.exists():
            self._configure(config)
            format_ = ["format", "--cluster-id", CLUSTER_ID, "--config", str(config)]
            command = [*_java("kafka.tools.StorageTool"), *format_]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, f"the broker's folder was not made: {done.stderr[-2000:]}"
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_java("kafka.Kafka"), str(config)], stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

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
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self, config: Path) -> None:
        given = PROPERTIES.read_text(encoding="utf-8")
        places = {
            "{port}": str(self.port),
            "{controller}": str(self._controller),
            "{behind}": str(self.behind),
            "{proxied}": str(self.proxied),
            "{folder}": str(self.folder / "data"),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        config.write_text(re.sub(r"\{\w+\}", lambda m: places[m[0]], given), encoding="utf-8")

    def _wait(self) -> None:
        ends = time.monotonic() + READY_S
        log = self.folder / "broker.log"
        assert self._process is not None, "it was started"
        while time.monotonic() < ends and self._process.poll() is None:
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        tail = log.read_text(errors="replace").splitlines()[-TAIL:]
        raise AssertionError("the broker does not come up:\n" + "\n".join(tail))


@contextmanager
def kafka() -> Iterator[tuple[str, LocalKafka | None]]:
    """The broker's address, and the broker itself if it may be killed."""
    choice = os.environ.get("CHARGELINE_TEST_KAFKA", "local")
    if choice == "local":
        broker = LocalKafka()
        try:
            broker.start()
            yield broker.address, broker
        finally:
            broker.stop()
    elif choice == "testcontainers":
        needs_docker("CHARGELINE_TEST_KAFKA")
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer(IMAGE).with_kraft() as container:
            yield container.get_bootstrap_server(), None
    else:
        yield choice, None


def version() -> str:
    """What the tests ran on, for the record."""
    choice = os.environ.get("CHARGELINE_TEST_KAFKA", "local")
    known = {"local": f"Apache Kafka {VERSION}", "testcontainers": IMAGE}
    return known.get(choice, choice)


def _java(main: str) -> list[str]:
    java = shutil.which("java")
    assert java, "no Java on this machine: install a JDK 17, or name a broker"
    options = ["-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [java, *options, quiet, "-cp", f"{JARS}/*", main]


def _fetch_jars() -> None:
    """Whole or not at all, whoever is interrupted, and however many fetch at once."""
    if JARS.exists():
        return
    maven = shutil.which("mvn")
    assert maven, "no Maven on this machine: install it, or name a broker"
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=JARS.parent) as folder:
        jars = Path(folder) / "jars"
        subprocess.run([maven, "-q", "-B", "-f", str(POM), "package", f"-Djars={jars}"], check=True)
        with contextlib.suppress(OSError):  # somebody else was faster
            jars.rename(JARS)


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
