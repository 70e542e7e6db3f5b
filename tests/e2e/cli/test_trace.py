"""One charge's way through every service, from the files a run leaves when it is asked to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SERVICES = {"gateway", "ingest-pax8", "lifecycle", "normalizer", "poster-halo"}
WIDE = 100  # columns, however deep the way is
_ME = [sys.executable, "-m", "chargeline"]


def typed(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_ME, *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
        timeout=120,
    )


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with `data` and `traces` of one month, and the run."""
    folder = tmp_path_factory.mktemp("traced")
    month = ("--sandbox", "--clients", "10", "--lines", "60", "--yes", "--json")
    ended = typed(
        "run", *month, "--data", folder / "data", CHARGELINE_TRACE_FILE=str(folder / "traces")
    )
    assert ended.returncode == 2, ended.stderr  # a generated month has its holds
    return folder, json.loads(ended.stdout)["run_id"]


def traces_of(folder: Path, what: str) -> list[dict[str, Any]]:
    where = ("--from", folder / "traces", "--data", folder / "data")
    ended = typed("trace", *where, what, "--json")
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)["traces"]
    return found


def test_a_posted_line_was_in_every_services_hands_in_order(billed: tuple[Path, str]) -> None:
    folder, _ = billed
    told = typed("explain", "--all", "--data", folder / "data", "--json")
    lines = [one for d in json.loads(told.stdout)["documents"] for one in d["lines"]]
    line = next(one for one in lines if one["outcome"] == "posted")
    [trace] = traces_of(folder, line["line"])
    # Whoever reads another source hears the command, too, and leaves it.
    assert set(trace["services"]) == SERVICES | {"ingest-huntress"}
    names = [span["name"] for span in trace["spans"]]
    way = [
        "command start",
        "on ChargesReceived",
        "on ChargesNormalized",
        "on ChargesResolved",
        "job PlanRun",
        "job ApplyRun",
        "on PostingDone",
    ]
    # By time: below which fact the next command hangs depends on which was the last to come.
    began = [min(s["offset_ms"] for s in trace["spans"] if s["name"] == name) for name in way]
    assert began == sorted(began)
    batches = [span["attributes"].get("batch") for span in trace["spans"]]
    assert line["batch"] in batches
    assert any(name.startswith("POST /halopsa/api/Invoice") for name in names)
    assert "?" not in " ".join(names)


def test_a_run_is_printed_as_a_tree_with_every_service(billed: tuple[Path, str]) -> None:
    folder, run = billed
    ended = typed("trace", "--from", folder / "traces", run)
    assert ended.returncode == 0
    assert all(f" {name} on " in ended.stdout for name in SERVICES)
    assert "normalizer on ChargesReceived ×" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= WIDE


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_that_left_no_span_on_the_way_is_missed(
    billed: tuple[Path, str], service: str, tmp_path: Path
) -> None:
    folder, run = billed
    [trace] = traces_of(folder, run)
    gone = {span["span"] for span in trace["spans"] if span["service"] == service}
    for file in (folder / "traces").iterdir():
        rows = file.read_text().splitlines(keepends=True)
        left = [row for row in rows if json.loads(row)["span"] not in gone]
        (tmp_path / file.name).write_text("".join(left))
    ended = typed("trace", "--from", tmp_path, run)
    assert ended.returncode == 1
    [said] = ended.stderr.splitlines()
    assert said.endswith(f"has no step of: {service.partition('-')[0]} [trace-incomplete]")
    assert "trace " in ended.stdout, "what is there is shown"
    told = typed("trace", "--from", tmp_path, run, "--json")
    assert told.returncode == 1
    assert [one["missing"] for one in json.loads(told.stdout)["traces"]] == [
        [service.partition("-")[0]]
    ]


def test_what_is_not_there_is_refused(billed: tuple[Path, str]) -> None:
    folder, _ = billed
    ended = typed("trace", "--from", folder / "traces", "run_of_somebody_else")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "[trace-unknown]" in ended.stderr
