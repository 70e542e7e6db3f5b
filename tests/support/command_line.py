"""The command line in processes of its own, against sandboxes in another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.core import dumps, loads

TODAY = "2026-11-05"
_ME = [sys.executable, "-m", "chargeline"]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, its document, and what it said to people."""

    code: int
    told: dict[str, Any]
    said: str


@dataclass(frozen=True)
class CommandLine:
    """A data folder, a settings file, and the address of the sandboxes."""

    folder: Path
    url: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def settings(self, told: dict[str, Any]) -> None:
        (self.folder / "settings.toml").write_text(toml(told), encoding="utf-8")

    def load(self, vendor: str, payload: dict[str, Any]) -> None:
        self._post(vendor, "load", payload)

    def fault(self, vendor: str, **fault: Any) -> None:
        self._post(vendor, "faults", fault)

    def state(self, vendor: str) -> dict[str, Any]:
        found: dict[str, Any] = loads(httpx.get(f"{self.url}/_sandbox/{vendor}/state").content)
        return found

    def bill(self, *words: str) -> Ended:
        where = ["--sandbox-url", self.url, "--settings", str(self.folder / "settings.toml")]
        return self.run("run", *where, "--today", TODAY, "--yes", *words)

    def run(self, *words: str) -> Ended:
        return self.type(*words, "--data", str(self.data), "--json")

    def type(self, *words: str) -> Ended:
        command = [*_ME, *words]
        environment = {**os.environ, "NO_COLOR": "1"}
        ended = subprocess.run(  # noqa: PLW1510 - the exit code is what is asked about
            command, capture_output=True, text=True, env=environment, timeout=120
        )
        told = json.loads(ended.stdout) if ended.stdout.strip() else {}
        return Ended(ended.returncode, told, ended.stderr)

    def _post(self, vendor: str, what: str, payload: dict[str, Any]) -> None:
        answer = httpx.post(f"{self.url}/_sandbox/{vendor}/{what}", content=dumps(payload))
        assert answer.status_code == 200, answer.text


@contextmanager
def command_line(folder: Path) -> Iterator[CommandLine]:
    """With sandboxes that live as long."""
    serving = [*_ME, "sandbox", "serve", "--port", "0", "--today", TODAY]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as sandboxes:
        try:
            assert sandboxes.stdout is not None
            yield CommandLine(folder, sandboxes.stdout.readline().split()[-1])
        finally:
            sandboxes.terminate()


def toml(settings: dict[str, Any]) -> str:
    """The settings file's shape: tables, and tables in lists."""
    lines: list[str] = []
    tables = {name: found for name, found in settings.items() if isinstance(found, dict)}
    for name, table in tables.items():
        lines += _table(f"[{name}]", table)
        for inner, found in table.items():
            if isinstance(found, dict):
                lines += [f"[{name}.{inner}]"]
                for last, deepest in found.items():
                    lines += _table(f"[{name}.{inner}.{last}]", deepest)
    for name, rows in settings.items():
        for row in rows if isinstance(rows, list | tuple) else ():
            lines += _table(f"[[{name}]]", row)
    return "\n".join(lines) + "\n"


def _table(heading: str, table: dict[str, Any]) -> list[str]:
    plain = {k: v for k, v in table.items() if v is not None and not isinstance(v, dict)}
    inner = {k: v for k, v in table.items() if isinstance(v, dict) and heading.startswith("[[")}
    lines = [heading, *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    for key, value in inner.items():
        lines += _table(f"[{heading.strip('[]')}.{key}]", value)
    return lines
