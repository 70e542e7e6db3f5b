"""Whether this machine can build the network's faults: Debian 12's own Go is too old."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import toxiproxy


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("go1.19.8", "Go >= 1.23 is needed"),
        ("", "Go >= 1.23 is needed"),
        ("go1.23.0", ""),
        ("go1.26.8", ""),
    ],
)
def test_an_old_go_is_told_and_a_new_one_will_do(
    version: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {version}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toxiproxy.missing(tmp_path / "toxiproxy") == why


def test_without_go_it_is_told_too_and_what_is_built_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "toxiproxy"
    assert toxiproxy.missing(program) == "Go >= 1.23 is needed"
    program.touch()
    assert toxiproxy.missing(program) == ""
