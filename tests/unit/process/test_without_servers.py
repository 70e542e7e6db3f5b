"""What a service's process does before it has servers, and when its environment lacks something."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import KEY, started


def test_while_the_servers_are_away_it_lives_waits_and_stops_when_asked(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    with started(tmp_path / "log", "normalizer", environment=nowhere) as process:
        assert process.ask("/healthz").status_code == 200
        assert process.wait_for("process-waits")["code"] == "store-away"
        ready = process.ask("/readyz")
        assert (ready.status_code, ready.json()["why"]) == (503, ["it waits for the servers"])
        assert process.ask("/metrics").status_code == 200
        assert process.stop() == 0
        assert KEY not in process.log.read_text()
        about = {(line.get("service"), line.get("replica") is not None) for line in process.lines()}
        assert about == {("normalizer", True)}


def test_asked_to_stop_it_does_not_wait_for_servers_to_answer(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    patient = nowhere | {"CHARGELINE_REQUEST_TIMEOUT_S": "60"}
    with started(tmp_path / "log", "normalizer", environment=patient) as process:
        process.wait_for("process-begins")
        assert process.stop() == 0
        assert not process.lines("process-waits")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"CHARGELINE_KAFKA": None}, "CHARGELINE_KAFKA"),
        ({"CHARGELINE_MONGODB": None}, "CHARGELINE_MONGODB"),
        ({"CHARGELINE_PARTITIONS": "many"}, "CHARGELINE_PARTITIONS"),
        ({"CHARGELINE_KEY": ""}, "CHARGELINE_KEY"),
        ({"CHARGELINE_KEY": "c2hvcnQ="}, "CHARGELINE_KEY"),
        ({"CHARGELINE_KEY": "", "CHARGELINE_KEY_FILE": "/nowhere/key"}, "CHARGELINE_KEY_FILE"),
        ({"CHARGELINE_KAFKA_SECURITY": "TLS"}, "CHARGELINE_KAFKA_SECURITY"),
        ({"CHARGELINE_KAFKA_SECURITY": "SASL_SSL"}, "kafka_password"),
        (
            {"CHARGELINE_KAFKA_SECURITY": "SSL", "CHARGELINE_KAFKA_CA": "/nowhere/ca.pem"},
            "CHARGELINE_KAFKA_CA",
        ),
    ],
    ids=str,
)
def test_a_variable_that_is_missing_or_wrong_is_named_and_nothing_starts(
    change: dict[str, str | None], named: str, nowhere: dict[str, str], tmp_path: Path
) -> None:
    environment = {k: v for k, v in (nowhere | change).items() if v is not None}
    with started(tmp_path / "log", "normalizer", environment=environment) as process:
        assert process.process.wait(30) == 4
        [line] = process.lines()
        assert line["event"] == "process-refused"
        assert named in line["text"]


def test_the_key_may_come_from_a_file(nowhere: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    given = nowhere | {"CHARGELINE_KEY": "", "CHARGELINE_KEY_FILE": str(tmp_path / "key")}
    with started(tmp_path / "log", "normalizer", environment=given) as process:
        process.wait_for("process-begins")


def test_a_port_that_is_taken_ends_it_with_one_line(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = nowhere | {"CHARGELINE_HEALTH_PORT": port, "CHARGELINE_HEALTH_HOST": "127.0.0.1"}
        with started(tmp_path / "log", "normalizer", environment=given) as process:
            assert process.process.wait(30) == 4
            [line] = process.lines()
            assert "CHARGELINE_HEALTH_PORT" in line["text"]


def test_a_service_imports_no_other_service() -> None:
    """What the image of one service lacks is not missed."""
    code = "import sys, normalizer.__main__; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"gateway", "lifecycle", "poster_halo", "vendors", "chargeline"} & set(
        ended.stdout.split()
    )
