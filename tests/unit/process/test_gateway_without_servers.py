"""What the gateway's process says to callers before it has servers."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from support.processes import started

OPERATOR = f"ck_{'ab' * 8}_{'cd' * 32}"


def test_callers_are_told_to_come_again_and_probes_say_why(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    given = nowhere | {"CHARGELINE_OPERATOR_KEY": OPERATOR}
    with started(tmp_path / "log", "gateway", environment=given) as process:
        root = process.address
        answer = httpx.get(f"{root}/v1/tenants", headers={"X-Request-Id": "mine"}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway-starting")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["request"] == answer.headers["X-Request-Id"] == "mine"
        assert httpx.get(f"{root}/healthz", timeout=10).status_code == 200
        ready = httpx.get(f"{root}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["why"]) == (503, ["it waits for the servers"])
        numbers = httpx.get(f"{root}/metrics", timeout=10)
        assert numbers.json()["code"] == "gateway-starting", "numbers are not for callers"
        assert process.ask("/metrics").status_code == 200
        assert process.stop() == 0
        assert OPERATOR.split("_")[2] not in process.log.read_text()


def test_an_api_port_that_is_taken_ends_it_with_one_line(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = nowhere | {"CHARGELINE_API_PORT": port, "CHARGELINE_API_HOST": "127.0.0.1"}
        with started(tmp_path / "log", "gateway", environment=given) as process:
            assert process.process.wait(30) == 4
            *_, line = process.lines()
            assert (line["event"], line["code"]) == ("process-refused", "environment")
            assert "CHARGELINE_API_PORT" in line["text"]


@pytest.mark.parametrize("text", ["hunter2", OPERATOR.upper(), OPERATOR[:-1]])
def test_an_operators_key_that_is_none_is_refused_before_anything_starts(
    text: str, nowhere: dict[str, str], tmp_path: Path
) -> None:
    given = nowhere | {"CHARGELINE_OPERATOR_KEY": text}
    with started(tmp_path / "log", "gateway", environment=given) as process:
        assert process.process.wait(30) == 4
        [line] = process.lines()
        assert (line["event"], line["code"]) == ("process-refused", "environment")
        assert "CHARGELINE_OPERATOR_KEY" in line["text"]
        assert text not in process.log.read_text()
