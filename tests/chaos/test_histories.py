"""A slice of the histories that `make chaos` plays in hundreds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import history, noticed, real
from chaos.history import Outcome

TESTS = Path(__file__).parents[1]


def wrong(outcome: Outcome) -> list[str]:
    return [*outcome.lost, *outcome.doubled, *outcome.unbalanced]


@pytest.mark.parametrize("seed", range(501, 516))
def test_a_history_of_faults_ends_with_every_line_billed_once(seed: int, tmp_path: Path) -> None:
    outcome = history.play(seed, tmp_path / "history")
    assert wrong(outcome) == [], outcome.story
    assert outcome.events > 100


@pytest.mark.parametrize("seed", [503, 506, 509])
def test_killed_processes_bill_every_line_once(seed: int, tmp_path: Path) -> None:
    outcome = real.play(seed, tmp_path / "history")
    assert wrong(outcome) == [], outcome.story


@pytest.mark.parametrize("place", range(len(noticed.KINDS)))
def test_a_write_that_is_kept_differently_is_noticed_with_its_line(
    place: int, tmp_path: Path
) -> None:
    outcome = noticed.play(noticed.SPREAD * place, tmp_path / "history")
    assert wrong(outcome) == []
    assert outcome.fired[next(iter(outcome.fired))] > 0


def test_a_seed_replays_exactly_whatever_order_sets_have() -> None:
    traces = {_trace_of(502, hash_seed) for hash_seed in ("0", "0", "7")}
    assert len(traces) == 1


def test_another_seed_is_another_history() -> None:
    assert _trace_of(502, "0") != _trace_of(504, "0")


def _trace_of(seed: int, hash_seed: str) -> str:
    code = (
        "import sys, pathlib, tempfile; from chaos import history\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        f"    print(history.play({seed}, pathlib.Path(folder) / 'history').trace)"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    played = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return played.stdout.strip()
