"""The commands that prepare the servers of the distributed system: topics and indexes."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from chargeline.cli_options import Data, end, where_of

if TYPE_CHECKING:
    from chassis.servers.settings import ServerSettings

topics = typer.Typer(help="Kafka's topics, with partitions and retention as declared.")
indexes = typer.Typer(help="MongoDB's indexes, as declared.")


@topics.command("apply")
def topics_apply(data: Data = None) -> None:
    """Create what is missing; refuse what is there otherwise than declared."""
    from chassis.servers.topics import apply

    end(_done(apply(_servers(data)), "topics"))


@indexes.command("apply")
def indexes_apply(data: Data = None) -> None:
    """Create what is missing."""
    from chassis.servers.indexes import apply

    end(_done(apply(_servers(data)), "indexes"))


async def _done(applied: Awaitable[Sequence[str]], what: str) -> tuple[int, None]:
    from chargeline import shown

    made = await applied
    for name in made:
        shown.out.print(name, markup=False)
    shown.err.print(f"{len(made)} {what} made" if made else f"all {what} are there")
    return 0, None


def _servers(data: Path | None) -> ServerSettings:
    from chargeline.session import servers_of
    from chassis.errors import PermanentError

    servers = servers_of(where_of(data).folder)
    if servers is None:
        raise PermanentError(
            "servers-missing", "no servers are named: set CHARGELINE_KAFKA and CHARGELINE_MONGODB"
        )
    return servers
