"""The command about what a vendor offers to pick from."""

from __future__ import annotations

from typing import Annotated

import typer

from chargeline.cli_options import Data, Json, SandboxUrl, SettingsFile, end, where_of

connections = typer.Typer(help="The accounts at the vendors.", no_args_is_help=True)

_KINDS = ("items", "taxes", "item-groups", "income", "expense")


@connections.callback()
def _group() -> None:
    """The accounts at the vendors."""


@connections.command("lists")
def connections_lists(
    kind: Annotated[str | None, typer.Option(help=f"One of: {', '.join(_KINDS)}.")] = None,
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    as_json: Json = False,
) -> None:
    """What HaloPSA offers for the settings' [defaults], and where each list was found."""
    from chargeline import picking

    if kind not in (None, *_KINDS):
        raise typer.BadParameter(f"there is no list of {kind!r}; there are: {', '.join(_KINDS)}")
    end(picking.lists(where_of(data, settings, False, sandbox_url), kind=kind, as_json=as_json))
