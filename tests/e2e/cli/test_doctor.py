"""What is looked at before a run: every word of what to do about it reaches the person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chargeline.desk import Went
from chargeline.housekeeping import _went

UNSET = '[policy]\nlifecycle = "default"\n[halopsa]\nurl = ""\n'


def doctor(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """On a new data folder, without credentials."""
    command = [sys.executable, "-m", "chargeline", "doctor", "--data", str(data), *words]
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)


def test_every_finding_is_told_whole(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(UNSET, encoding="utf-8")
    told = json.loads(doctor(tmp_path / "d", "--settings", str(settings), "--json").stdout)
    said = doctor(tmp_path / "d")
    assert said.returncode == 2, said.stderr
    findings = told["findings"]
    for quoted in ("[halopsa]", "[pax8]", "[defaults]"):
        assert any(quoted in found["to_do"] for found in findings), quoted
    lines = [line[2:] for line in said.stdout.splitlines()]  # behind the mark
    assert lines[: len(findings)] == [f"{one['what']}  {one['to_do']}" for one in findings]


def test_what_nobody_could_look_up_is_listed_with_the_value_in_force(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[halopsa]\nlook_days = 90\n", encoding="utf-8")
    told = json.loads(doctor(tmp_path / "d", "--settings", str(settings), "--json").stdout)
    listed = {one["setting"]: one for one in told["assumptions"]}
    assert len(listed) >= 15
    assert (listed["halopsa.look_days"]["value"], listed["halopsa.look_days"]["is_default"]) == (
        90,
        False,
    )
    rows = [line.split() for line in doctor(tmp_path / "d").stdout.splitlines()]
    shown = {words[0]: words[1:3] for words in rows if len(words) > 2}
    assert listed.keys() <= shown.keys()
    assert shown["halopsa.look_days"] == ["90", "*"]


def test_what_became_of_a_parked_message_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    _went("handled", Went(0, "settings-file", "no url under [halopsa]: set it"))
    assert "settings-file: no url under [halopsa]: set it" in capsys.readouterr().out
