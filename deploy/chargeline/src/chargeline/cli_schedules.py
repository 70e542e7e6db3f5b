"""The commands about schedules: what runs by itself, and when."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chargeline.cli_options import Data, Json, end, where_of

schedules = typer.Typer(help="What runs by itself, and when.", no_args_is_help=True)


@schedules.command("show")
def schedules_show(data: Data = None, as_json: Json = False) -> None:
    """Every schedule, when it is due next, and what was due last."""
    from chargeline import scheduling

    end(scheduling.show(where_of(data), as_json=as_json))


@schedules.command("set")
def schedules_set(
    source: Annotated[str, typer.Argument(help="pax8 or huntress.")],
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it.")] = None,
    every: Annotated[str | None, typer.Option(help="day or month.")] = None,
    at: Annotated[str | None, typer.Option(help="Time on the tenant's clock, e.g. 03:00.")] = None,
    day: Annotated[int | None, typer.Option(help="Of the month; 31 means the last.")] = None,
    from_day: Annotated[int | None, typer.Option(help="A daily one rests before it.")] = None,
    data: Data = None,
) -> None:
    """Change what is named and leave the rest; `chargeline up` keeps it."""
    from chargeline import scheduling

    told = {"enabled": on, "every": every, "at": at, "day": day, "from_day": from_day}
    changes: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    end(scheduling.change(where_of(data), source, changes))
