"""The memory figure sees what the measured program takes, and nothing of who started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
LARGE_MIB = 96
MEASURED = """
from bench.peak import peak_mib
before = peak_mib()
taken = bytearray(b"x") * ({mib} << 20)
print(before, peak_mib())
"""


def peaks_of_a_program_that_takes(mib: int) -> tuple[float, float]:
    command = [sys.executable, "-c", MEASURED.format(mib=mib)]
    told = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True)
    before, after = map(float, told.stdout.split())
    return before, after


def test_an_allocation_is_seen_to_the_megabyte() -> None:
    before, after = peaks_of_a_program_that_takes(LARGE_MIB)
    assert after - before == pytest.approx(LARGE_MIB, abs=4)


def test_the_size_of_the_parent_is_not_the_program_s() -> None:
    small, _ = peaks_of_a_program_that_takes(0)
    held = bytearray(b"x") * (LARGE_MIB << 20)
    under_a_large_parent, _ = peaks_of_a_program_that_takes(0)
    assert len(held) == LARGE_MIB << 20
    assert under_a_large_parent == pytest.approx(small, abs=4)
