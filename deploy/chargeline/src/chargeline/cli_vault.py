"""The command about the key that opens the tenants' secrets."""

from __future__ import annotations

import typer

from chargeline.cli_options import Data, Json, end, where_of

vault = typer.Typer(help="The key that opens the tenants' secrets.", no_args_is_help=True)


@vault.callback()
def _group() -> None:
    """It stays a group with one command in it."""


@vault.command("rotate")
def vault_rotate(data: Data = None, as_json: Json = False) -> None:
    """Seal every secret anew under a new key; ended at any moment, it goes on when run again."""
    from chargeline import rotating

    end(rotating.rotate(where_of(data), as_json=as_json))
