"""What a service's process does before it has servers, and when its environment lacks something."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chargeline.cli import run
from support.processes import KEY, started

type Say = Callable[[str, Mapping[str, str | None]], str]

TESTS = Path(__file__).parents[2]
NO_CERTIFICATE: dict[str, str | None] = {
    "CHARGELINE_KAFKA_SECURITY": "SSL",
    "CHARGELINE_KAFKA_CA": "/nowhere/ca.pem",
}
NO_PASSWORD: dict[str, str | None] = {
    "CHARGELINE_KAFKA_SECURITY": "SASL_SSL",
    "CHARGELINE_KAFKA_PASSWORD": None,
}
# What is changed, and what the refusal names; "hunter2" is a part of each password.
WRONG_FOR_ALL: list[tuple[dict[str, str | None], str]] = [
    ({"CHARGELINE_MONGODB": None}, "CHARGELINE_MONGODB"),
    ({"CHARGELINE_KAFKA": "k:hunter2"}, "CHARGELINE_KAFKA"),
    ({"CHARGELINE_KAFKA": ""}, "CHARGELINE_KAFKA"),
    ({"CHARGELINE_PARTITIONS": "many"}, "CHARGELINE_PARTITIONS"),
    ({"CHARGELINE_KAFKA_SECURITY": "TLS"}, "CHARGELINE_KAFKA_SECURITY"),
    (NO_PASSWORD, "kafka_password"),
]
WRONG_STORE = [
    "mongodb://cl:hunter2@mongo:port",
    "mongodb://cl:hunt%zzhunter2@mongo",
    "mongodb://cl:1/$hunter2@mongo:27017",
    "mongodb://cl:1?hunter2=@mongo:27017",
    "mongodb://cl:hunter2@mongo/?tls=maybe",
    "mongodb://cl:hunter2@mongo/?tls=true&tlsCAFile=/nowhere/ca.pem",
]


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
        *WRONG_FOR_ALL,
        *(({"CHARGELINE_MONGODB": address}, "CHARGELINE_MONGODB") for address in WRONG_STORE[2:4]),
        (NO_CERTIFICATE, "CHARGELINE_KAFKA_CA"),
        ({"CHARGELINE_KAFKA": None}, "CHARGELINE_KAFKA"),
        ({"CHARGELINE_KEY": ""}, "CHARGELINE_KEY"),
        ({"CHARGELINE_KEY": "c2hvcnQ="}, "CHARGELINE_KEY"),
        ({"CHARGELINE_KEY": "", "CHARGELINE_KEY_FILE": "/nowhere/key"}, "CHARGELINE_KEY_FILE"),
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
        assert "hunter2" not in process.log.read_text()


@pytest.mark.parametrize("command", ["topics apply", "indexes apply", "runs"])
@pytest.mark.parametrize(("change", "named"), WRONG_FOR_ALL, ids=str)
def test_a_command_refuses_the_same_in_one_sentence_without_any_password(
    command: str, change: dict[str, str | None], named: str, say: Say
) -> None:
    said = say(command, change)
    assert named in said
    assert "hunter2" not in said


@pytest.mark.parametrize("command", ["indexes apply", "runs"])
@pytest.mark.parametrize("address", WRONG_STORE)
def test_a_command_refuses_an_address_of_the_store_that_can_not_be_read(
    command: str, address: str, say: Say
) -> None:
    said = say(command, {"CHARGELINE_MONGODB": address})
    assert "CHARGELINE_MONGODB" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("command", ["topics apply", "runs"])
def test_a_command_names_a_certificate_that_can_not_be_used(command: str, say: Say) -> None:
    assert "CHARGELINE_KAFKA_CA" in say(command, NO_CERTIFICATE)


@pytest.fixture
def say(
    nowhere: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    """What a command says when it refuses: one sentence, exit code 4."""

    def say(command: str, change: Mapping[str, str | None]) -> str:
        for name in os.environ:
            if name.startswith("CHARGELINE_"):
                monkeypatch.delenv(name)
        for name, value in {**nowhere, **change}.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        words = ["chargeline", *command.split(), "--data", str(tmp_path / "data")]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            run()
        told = capsys.readouterr()
        assert (ended.value.code, told.out) == (4, "")
        [sentence] = told.err.splitlines()
        assert sentence.endswith("[environment]")
        return sentence

    return say


def test_a_bug_ends_a_process_with_one_line_that_says_where(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    words = ("support.process_of", "broken", str(tmp_path))
    given = nowhere | {"PYTHONPATH": str(TESTS)}
    with started(tmp_path / "log", *words, environment=given) as process:
        assert process.process.wait(30) == 1
        [line] = process.lines()
        assert (line["event"], line["level"]) == ("process-failed", "critical")
        assert line["text"].startswith("KeyError: 'nothing at mongodb")
        assert line["stack"].startswith("process_of.py:")


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
