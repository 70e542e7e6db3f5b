"""Runs every test on both cores and prints the counts per suite; a skipped test is a failure.

python -m suites [paths]      the suites are the folders under tests/unit, tests/contract, …
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
KINDS = ("unit", "contract", "e2e")  # these have a folder a suite; other folders are one suite each
COLUMNS = ("passed", "failed", "skipped")


def suite_of(classname: str) -> str:
    """`tests.unit.chassis.test_outbox` belongs to `unit/chassis`."""
    parts = [p for p in classname.split(".") if p != TESTS.name]
    depth = 2 if parts[0] in KINDS else 1
    return "/".join(parts[:depth]) or "collection"


def outcome_of(case: ET.Element) -> str:
    """An error in a fixture counts as a failure."""
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def counted(report: Path) -> tuple[dict[str, Counter[str]], dict[str, float]]:
    """Outcomes and seconds of each suite."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, float] = defaultdict(float)
    for case in ET.parse(report).iter("testcase"):
        suite = suite_of(case.get("classname", ""))
        outcomes[suite][outcome_of(case)] += 1
        seconds[suite] += float(case.get("time", "0"))
    return outcomes, seconds


def noted(report: Path) -> list[str]:
    """What tests counted (`record_property`), a line a test."""
    found = []
    for case in ET.parse(report).iter("testcase"):
        properties = [f"{p.get('name')}={p.get('value')}" for p in case.iter("property")]
        if properties:
            found.append(f"{' '.join(properties)}  {case.get('name')}")
    return found


def main(arguments: list[str]) -> int:
    """pytest's exit code, or 1 when a test was skipped."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-n", "2", "-q", f"--junitxml={report}"]
        code = subprocess.run([*command, *(arguments or [str(TESTS)])], check=False).returncode
        outcomes, seconds = counted(report) if report.exists() else ({}, {})
        notes = noted(report) if report.exists() else []
    total: Counter[str] = Counter()
    print(f"\n{'suite':<28}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for suite in sorted(outcomes):
        total += outcomes[suite]
        counts = "".join(f"{outcomes[suite][c]:>8}" for c in COLUMNS)
        print(f"{suite:<28}{counts}{seconds[suite]:>9.1f}")
    for line in notes:
        print(f"  {line}")
    print(f"{total['passed']} passed, {total['failed']} failed, skipped = {total['skipped']}")
    print("what needs a broker and a store is tried by `make kafka`")
    return code or (1 if total["skipped"] else 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
