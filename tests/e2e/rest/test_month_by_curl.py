"""The script in docs: set-up and month end by curl alone, then the sandbox line by line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

import oracle
from chassis.embedded.sqlite import FILE
from sandbox.core import loads
from sandbox.generate import generate_month
from support.stores import on_servers

SCRIPT = Path(__file__).parents[3] / "docs" / "examples" / "rest" / "month.sh"
ADDRESS = re.compile(r"up at (http://\S+)/v1")


@contextmanager
def up(folder: Path) -> Iterator[str]:
    """`chargeline up --sandbox` over an empty data folder, or over servers; its address."""
    command = [sys.executable, "-m", "chargeline", "up", "--sandbox", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data", str(folder)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "it ended before it was up"
                found = ADDRESS.search(line)
            assert "operator" in process.stderr.readline()
            yield found.group(1)
        finally:
            process.terminate()


@pytest.mark.e2e
def test_a_month_by_curl_ends_with_every_line_once(tmp_path: Path) -> None:
    assert shutil.which("curl"), "the script needs curl: apt-get install curl"
    folder, kept = tmp_path / "data", tmp_path / "settings.json"
    with up(folder) as root:
        key = folder / "operator-key"
        assert key.stat().st_mode & 0o077 == 0
        assert (folder / FILE).exists() is not on_servers(), "it stands where it was asked to"
        ran = subprocess.run(
            ["sh", str(SCRIPT), root, str(key), "summit", str(kept)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        state = loads(httpx.get(f"{root}/sandbox/_sandbox/halopsa/state", timeout=60).content)
    assert "clients,state:done,done:46,of:50" in ran.stderr, "the set-up has matched them"
    assert '"outcome":"posted"\n"stands":"posted"' in ran.stderr, "a line is explained"
    settings = json.loads(kept.read_text())
    statement = json.loads(ran.stdout)
    month = generate_month(7, clients=50, lines=1000)
    load = {"pax8": month.pax8, "halopsa": month.halopsa, "person": []}
    verdict = oracle.judge(load, settings, state["entities"])
    assert verdict.checked == 1000
    assert not verdict.faults, [str(fault) for fault in verdict.faults[:10]]
    billed = [
        line
        for line in oracle.expectations(month.pax8, month.halopsa, settings)
        if line.outcome == "billed"
    ]
    assert len(billed) > 900
    for currency, told in statement["currencies"].items():
        posted = sum((b.money for b in billed if b.currency == currency), Decimal(0))
        assert Decimal(told["price"]["posted"]) == posted
