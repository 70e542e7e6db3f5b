"""What the commands share: options, where to work, and how a command ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from chargeline.session import Where

URL = "CHARGELINE_URL"  # the gateway to ask, in place of a system in this process

Data = Annotated[Path | None, typer.Option(help="Data folder. Default: .chargeline here.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file (TOML).")]
Sandboxed = Annotated[bool, typer.Option("--sandbox", help="Vendor sandboxes in this process.")]
SandboxUrl = Annotated[str | None, typer.Option(help="Vendor sandboxes at this address.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Today = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Fix the clock's day.")]
Source = Annotated[str, typer.Option(help="Where the charges come from.")]
_LEAST_CLIENTS = 10  # of a generated world: each has a part to play
Clients = Annotated[int, typer.Option(help="Clients of a generated world.", min=_LEAST_CLIENTS)]
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def only_source(source: str) -> None:
    """What has documents: Pax8 its invoices, Huntress the counts of a month as charges."""
    from schemas.setting_values import SOURCES

    if source not in SOURCES:
        raise typer.BadParameter(f"there is no source {source!r}; there are: {', '.join(SOURCES)}")


def only_month(period: str | None) -> None:
    """A month of the calendar, or none."""
    if period is not None and not _MONTH.fullmatch(period):
        raise typer.BadParameter(f"{period!r} is no month: say it as 2026-10")


def where_of(
    data: Path | None,
    settings: Path | None = None,
    sandbox_here: bool = False,
    sandbox_url: str | None = None,
    today: datetime | None = None,
    clients: int = 50,
    lines: int = 1000,
    seed: int = 7,
) -> Where:
    from chargeline.session import Where

    if sandbox_here and sandbox_url is not None:
        raise typer.BadParameter("--sandbox and --sandbox-url are two places: name one of them")
    day: date | None = today.date() if today else None
    asked = Where(data, settings, sandbox_here, sandbox_url, day, clients, lines, seed)
    return replace(asked, url=os.environ.get(URL) or None)


def end(command: Coroutine[Any, Any, tuple[int, Any]]) -> None:
    """Run the command, print its document if it has one, and leave with its exit code."""
    code, document = asyncio.run(command)
    if document is not None:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    raise SystemExit(code)
