"""The command line as a process: what a month says to a machine, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.generate import Month, generate_month
from support.command_line import TODAY, CommandLine, Ended, command_line

PLAIN = re.compile(r"-?\d+(\.\d+)?")
OUTCOMES = (
    "received",
    "posted",
    "settled",
    "dropped",
    "held",
    "excluded",
    "refused",
    "pending",
    "rounding",
    "unexplained",
)


def typed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Without a terminal."""
    env = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", "chargeline", *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=env,
        timeout=120,
    )


def balanced(statement: dict[str, Any]) -> None:
    for currency in statement["currencies"].values():
        for side in (currency["price"], currency["cost"]):
            assert set(side) == set(OUTCOMES)
            assert all(PLAIN.fullmatch(amount) for amount in side.values())
            amounts = {name: Decimal(amount) for name, amount in side.items()}
            assert amounts.pop("received") == sum(amounts.values())
            assert amounts["unexplained"] == 0


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=10, lines=80)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, month: Month) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("cli")) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(month.settings)
        yield line


@pytest.fixture(scope="module")
def billed(line: CommandLine) -> Ended:
    return line.bill()


def test_a_month_in_this_process_is_one_document_and_a_second_run_posts_nothing(
    tmp_path: Path,
) -> None:
    words = ["run", "--sandbox", "--clients", "10", "--lines", "80", "--seed", "3", "--yes"]
    first = typed(*words, "--json", "--data", str(tmp_path / "data"))
    assert first.returncode == 2, first.stderr
    told = json.loads(first.stdout)
    assert told["schema"] == "chargeline.run.v1"
    assert told["run_id"].startswith("run_")
    assert told["parked"] == 0
    assert set(told["calls"]) == {"halopsa", "pax8"}
    assert told["lines"]["received"] == 80
    assert isinstance(told["elapsed_s"], float)
    balanced(told["statement"])
    assert told["postings"]["created"] == len(told["postings"]["ids"]) > 0

    again = json.loads(typed(*words, "--json", "--data", str(tmp_path / "data")).stdout)
    assert (again["postings"]["created"], again["postings"]["updated"]) == (0, 0)
    assert again["postings"]["ids"] == told["postings"]["ids"]
    assert again["statement"]["currencies"] == told["statement"]["currencies"]


def test_foreign_data_is_billed_with_holds_most_money_first(billed: Ended) -> None:
    assert billed.code == 2
    balanced(billed.told["statement"])
    holds = billed.told["holds"]
    money = [abs(Decimal(hold["waits"])) for hold in holds]
    assert money == sorted(money, reverse=True)
    by_code = {hold["code"]: hold for hold in holds}
    assert {"company-unmapped", "company-missing", "product-ambiguous"} <= set(by_code)
    for hold in holds:
        assert hold["command"].startswith("chargeline mappings ")
    held = billed.told["statement"]["currencies"]["USD"]["held_by"]
    assert set(held) >= {"company-unmapped", "company-missing"}
    assert billed.told["runs"][0]["run_id"] == billed.told["run_id"]


def test_the_statement_is_read_while_somebody_else_owns_the_folder(
    line: CommandLine, billed: Ended
) -> None:
    said = line.run("statement", billed.told["run_id"])
    assert said.code == 2
    assert said.told["statement"] == billed.told["statement"]
    newest = line.run("statement")
    assert newest.told["run_id"] == billed.told["run_id"]


def test_a_person_gets_the_bridge_and_commands_that_can_be_pasted(
    line: CommandLine, billed: Ended
) -> None:
    said = typed("statement", "--data", str(line.data))
    assert said.returncode == 2
    assert "0.00 unexplained" in said.stdout
    assert "= posted" in said.stdout
    assert "█" in said.stdout
    assert "\x1b" not in said.stdout
    assert "client:" not in said.stdout  # clients have names, held ones, too
    assert "\u202e" not in said.stdout  # a client's name turns the writing direction
    pasted = [one.strip()[2:] for one in said.stdout.splitlines() if one.strip().startswith("$ ")]
    resolving = [shlex.split(one) for one in pasted if "mappings" in one]
    assert len(resolving) >= len(billed.told["holds"])
    for words in resolving:
        assert words[0] == "chargeline"
        assert words[-2:] == ["--data", str(line.data)]


def test_the_printed_commands_resolve_the_month(month: Month, tmp_path: Path) -> None:
    """Held, decided by commands, posted, taken back, and found again without a data folder."""
    with command_line(tmp_path) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(month.settings)
        assert line.bill().code == 2
        for row in month.resolutions["client"]:
            words = ["mappings", "exclude" if row.get("exclude") else "client", row["company"]]
            words += ["--halo", str(row["halo"])] if "halo" in row else []
            words += ["--subscription", row["subscription"]] if "subscription" in row else []
            assert typed(*words, "--data", str(line.data)).returncode == 0
        for hold in line.run("statement").told["holds"]:
            if hold["product"]:
                words = shlex.split(hold["command"])[1:]
                assert typed(*words, "--data", str(line.data)).returncode == 0
        proven = line.bill()
        assert proven.code == 0, proven.told["holds"]
        assert proven.told["holds"] == []
        assert proven.told["postings"]["unchanged"] > 0
        balanced(proven.told["statement"])

        run, where = proven.told["run_id"], ["--sandbox-url", line.url]
        undone = line.run("undo", proven.told["postings"]["ids"][0], "--yes", *where)
        assert (undone.code, undone.told["undone"]) == (0, 1)
        everything = line.run("undo", run, "--yes", *where)
        assert everything.code == 0
        assert everything.told["undone"] == everything.told["asked"] > 1
        assert line.run("undo", run, "--yes", *where).code == 4


def test_plan_then_apply_one_client_then_the_rest(month: Month, tmp_path: Path) -> None:
    with command_line(tmp_path) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(month.resolved_settings())
        where = ["--sandbox-url", line.url, "--today", TODAY]
        settings = ["--settings", str(line.folder / "settings.toml")]
        read = line.run("ingest", "--source", "pax8", *where, *settings)
        assert read.code == 2
        run = read.told["run_id"]
        planned = line.run("plan", run, "--yes", *where)
        assert planned.told["postings"]["created"] == 0
        assert planned.told["lines"]["pending"] > 0
        shown = typed("plan", run, "--diff", "--data", str(line.data), *where)
        assert "invoices" in shown.stdout
        assert "create a new invoice" in shown.stdout
        assert typed("apply", run, "--data", str(line.data), *where).returncode == 4
        nobody = line.run("apply", run, "--only", "Nobody", "--yes", *where)
        assert nobody.code == 4
        client = str(next(row["halo"] for row in month.resolved_settings()["client"]))
        one = line.run("apply", run, "--only", client, "--yes", *where)
        assert one.code == 2
        assert one.told["postings"]["created"] >= 1
        rest = line.run("apply", run, "--canary", "2", "--yes", *where)
        assert rest.code == 0
        assert rest.told["postings"]["created"] > one.told["postings"]["created"]


def test_writes_refuse_without_a_terminal_and_without_yes(tmp_path: Path) -> None:
    said = typed("run", "--sandbox", "--data", str(tmp_path / "data"))
    assert said.returncode == 4
    assert "--yes" in said.stderr
    assert said.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.folder  # servers have many owners at once
def test_a_data_folder_in_use_is_refused(line: CommandLine, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chargeline", "up", "--sandbox-url", line.url, "--port", "0"]
    data = ["--data", str(tmp_path / "data")]
    with subprocess.Popen([*command, *data], stderr=subprocess.PIPE, text=True) as up:
        try:
            assert up.stderr is not None
            assert "is up" in up.stderr.readline()
            said = typed("run", "--sandbox-url", line.url, "--yes", *data)
            assert said.returncode == 4
            assert "data-folder-in-use" in said.stderr
        finally:
            up.terminate()


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.toml")
    said = typed("run", "--sandbox", "--settings", missing, "--yes", "--data", str(tmp_path / "d"))
    assert said.returncode == 4
    assert missing in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1


def test_missing_credentials_are_named_with_what_to_do(tmp_path: Path) -> None:
    said = typed("run", "--yes", "--data", str(tmp_path / "data"))
    assert said.returncode == 4
    assert "CHARGELINE_PAX8_CLIENT_ID" in said.stderr


def test_a_host_that_does_not_answer(tmp_path: Path) -> None:
    where = ["--sandbox-url", "http://127.0.0.1:9", "--data", str(tmp_path / "data")]
    said = typed("run", *where, "--yes", "--json")
    assert said.returncode == 4
    assert "127.0.0.1" in said.stderr
    assert "Check the address" in said.stderr


def test_nothing_to_audit_is_not_nothing_wrong(tmp_path: Path, month: Month) -> None:
    with command_line(tmp_path) as line:
        line.settings(month.settings)
        assert line.bill().code == 3


@pytest.mark.folder  # over servers there is none to be missing
def test_reading_never_makes_a_data_folder(tmp_path: Path) -> None:
    for words in (["statement", "run_0"], ["runs"], ["explain", "--all"], ["mappings", "list"]):
        said = typed(*words, "--data", str(tmp_path / "none"))
        assert said.returncode == 4
        assert "there is no data folder" in said.stderr
    assert not (tmp_path / "none").exists()


def test_credentials_from_the_environment_come_first(line: CommandLine, tmp_path: Path) -> None:
    settings = str(line.folder / "settings.toml")
    bad = {"CHARGELINE_PAX8_CLIENT_ID": "bad", "CHARGELINE_PAX8_CLIENT_SECRET": "x"}
    where = ["--sandbox-url", line.url, "--settings", settings, "--data", str(tmp_path / "data")]
    said = typed("run", *where, "--yes", **bad)
    assert said.returncode == 4
    assert "pax8-login" in said.stderr


def test_doctor_names_every_right(line: CommandLine, tmp_path: Path) -> None:
    settings = str(line.folder / "settings.toml")
    where = ["--sandbox-url", line.url, "--settings", settings, "--data", str(tmp_path / "data")]
    said = typed("doctor", *where, "--json")
    assert said.returncode == 0
    found = {one["what"]: one["ok"] for one in json.loads(said.stdout)["findings"]}
    assert found["pax8: invoices"] is True
    assert found["halopsa: read:invoices"] is True
    assert found["halopsa: edit:invoices"] is None


def test_a_wrong_option_is_refused_and_needs_no_person() -> None:
    for words in (["run", "--sandbx"], ["bill"], ["ingest", "--source", "huntress"]):
        assert typed(*words).returncode == 4


def test_help_is_quick() -> None:
    code = "import resource, subprocess, sys; subprocess.run([sys.executable, '-m', 'chargeline', '--help'], check=True, stdout=subprocess.DEVNULL); u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime)"  # noqa: E501
    spent = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(spent.stdout) < 0.5
