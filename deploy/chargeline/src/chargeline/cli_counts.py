"""The commands about counts of a source, on their way to licences and recurring invoices."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from chargeline.cli_options import (
    Clients,
    Data,
    Json,
    Sandboxed,
    SandboxUrl,
    SettingsFile,
    Today,
    Yes,
    end,
    where_of,
)

counts = typer.Typer(help="Counts of Huntress as licences in HaloPSA.", no_args_is_help=True)


@counts.command("sync")
def counts_sync(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_here: Sandboxed = False,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    mode: Annotated[
        str | None, typer.Option(help="detailed or quick. Default: as the settings say.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="Only if today is this day, e.g. 2026-11-05.")
    ] = None,
    clients: Clients = 50,
    seed: Annotated[int, typer.Option(help="Seed of a generated world.")] = 7,
    as_json: Json = False,
) -> None:
    """Read the counts of today, write the licences that changed, and read them back."""
    from chargeline import counting

    known: dict[str | None, Any] = {None: None, "detailed": "detailed", "quick": "quick"}
    if mode not in known:
        raise typer.BadParameter(f"there is no mode {mode!r}; there are: detailed, quick")
    where = where_of(data, settings, sandbox_here, sandbox_url, today, clients, seed=seed)
    where = replace(where, counts=True)
    end(counting.sync(where, mode=known[mode], day=day, as_json=as_json))


@counts.command("show")
def counts_show(data: Data = None, as_json: Json = False) -> None:
    """The newest results, with the last thirty days of each count."""
    from chargeline import counting

    end(counting.show(where_of(data), as_json=as_json))


@counts.command("accept")
def counts_accept(
    organization: Annotated[str, typer.Argument(help="The organization's id at the source.")],
    product: Annotated[str, typer.Argument(help="The product's key, e.g. edr.")],
    count: Annotated[int, typer.Argument(help="The very value that is held.", min=0)],
    data: Data = None,
) -> None:
    """Let a held count through, from the next sync on."""
    from chargeline import counting

    end(counting.accept(where_of(data), organization, product, count))


@counts.command("link")
def counts_link(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_here: Sandboxed = False,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do what the plan shows.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Which recurring invoice lines take their quantity from a licence, and which would."""
    from chargeline import counting

    where = replace(where_of(data, settings, sandbox_here, sandbox_url, today), counts=True)
    end(counting.link(where, apply=apply, yes=yes, as_json=as_json))
