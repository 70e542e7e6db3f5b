"""A whole month on the vendor sandboxes, told as a bookkeeper lives it.

Every step is the real command line in a process of its own; the sandboxes are a process, too, so
they outlive the data folder that is thrown away in the end.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from sandbox.core import dumps
from sandbox.generate import Month, generate_month

CLIENTS, LINES, SEED = 60, 1200, 7
TODAY = "2026-11-05"
_ME = [sys.executable, "-m", "chargeline"]


def main() -> int:
    """Exit code 0 when every step ended as it must."""
    folder = Path(tempfile.mkdtemp(prefix="chargeline-demo-"))
    month = generate_month(SEED, clients=CLIENTS, lines=LINES)
    serving = [*_ME, "sandbox", "serve", "--port", "0", "--today", TODAY]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*serving, "--data", str(folder / "sandboxes")], stdout=subprocess.PIPE, text=True
    ) as sandboxes:
        try:
            assert sandboxes.stdout is not None, "it was asked for"
            url = sandboxes.stdout.readline().split()[-1]
            return _Month(folder, month, url).play()
        finally:
            sandboxes.terminate()
            shutil.rmtree(folder, ignore_errors=True)


class _Month:
    def __init__(self, folder: Path, month: Month, url: str) -> None:
        self._data = folder / "data"
        self._month = month
        self._url = url
        self._settings = folder / "settings.toml"
        self._settings.write_text(_toml(month.settings), encoding="utf-8")

    def play(self) -> int:
        """The story; the first step that does not end as it must ends it."""
        self._load()
        _say(1, f"The month as it comes: {CLIENTS} clients, {LINES} lines, every variety of line.")
        if self._bill() != 2:
            return _failed("a first run has holds, and says so with exit code 2")
        _say(2, "The holds are resolved, by the commands that stand above.")
        for command in self._resolutions():
            if _run(command) != 0:
                return _failed(shlex.join(command))
        _say(3, "Once more: what was held is posted, what stands is left alone.")
        if self._bill() != 0:
            return _failed("nothing is held any more: 0.00 unexplained and exit code 0")
        _say(4, "The data folder is lost. The sandboxes are not: everything is found again.")
        shutil.rmtree(self._data)
        before = self._invoices()
        for command in self._resolutions():
            if _run(command) != 0:
                return _failed(shlex.join(command))
        if self._bill() != 0 or self._invoices() != before:
            return _failed("nothing is created, everything is adopted by its reference")
        _say(5, f"{before} invoices before, {self._invoices()} after. Where to look next:")
        print(  # noqa: T201 - a demo talks
            "  README.md        ten minutes with the commands, and what is measured\n"
            "  docs/tour.md     one charge, file by file\n"
            "  chargeline run --sandbox --data /tmp/mine --yes    your own copy, then\n"
            "  chargeline explain --all --data /tmp/mine          any line, from its raw bytes"
        )
        return 0

    def _bill(self) -> int:
        command = ["run", "--sandbox-url", self._url, "--settings", str(self._settings)]
        return _run([*command, "--data", str(self._data), "--today", TODAY, "--yes"])

    def _load(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            for vendor, payload in (("pax8", self._month.pax8), ("halopsa", self._month.halopsa)):
                client.post(f"/_sandbox/{vendor}/load", content=dumps(payload)).raise_for_status()

    def _invoices(self) -> int:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            state: Any = client.get("/_sandbox/halopsa/state").json()
        return len(state["entities"]["invoices"])

    def _resolutions(self) -> list[list[str]]:
        """A person's decisions: map a client, match a product, exclude the MSP's own company."""
        at = ["--data", str(self._data)]
        found = []
        for row in self._month.resolutions["client"]:
            only = ["--subscription", row["subscription"]] if "subscription" in row else []
            if row.get("exclude"):
                found.append(["mappings", "exclude", row["company"], *only, *at])
            else:
                client = ["mappings", "client", row["company"], "--halo", str(row["halo"])]
                found.append([*client, *only, *at])
        for row in self._month.resolutions["product"]:
            term = row["term"].lower().replace(" ", "-")
            key = f"{row['source']}:{row['product']}:{term}"
            found.append(["mappings", "product", key, "--halo", str(row["halo"]), *at])
        return found


def _run(arguments: Sequence[str]) -> int:
    print(f"\n$ chargeline {shlex.join(arguments)}", flush=True)  # noqa: T201
    return subprocess.run([*_ME, *arguments], check=False).returncode  # noqa: S603


def _say(step: int, text: str) -> None:
    print(f"\n━━ {step}. {text}", flush=True)  # noqa: T201


def _failed(should: str) -> int:
    print(f"\nThe demo stops here; this should have been so: {should}", file=sys.stderr)  # noqa: T201
    return 1


def _toml(settings: dict[str, Any]) -> str:
    """The generated settings as the file a person would write."""
    out: list[str] = []
    rows = {k: v for k, v in settings.items() if isinstance(v, list)}
    for name, table in settings.items():
        if name == "integration" or name in rows:
            continue
        out.append(f"[{name}]")
        out += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    for source, table in settings.get("integration", {}).items():
        out.append(f"[integration.{source}.policy]")
        out += [f"{key} = {json.dumps(value)}" for key, value in table.get("policy", {}).items()]
    for name, table_rows in rows.items():
        for row in table_rows:
            out.append(f"[[{name}]]")
            out += [f"{key} = {json.dumps(value)}" for key, value in row.items()]
    return "\n".join(out) + "\n"
