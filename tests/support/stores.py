"""Which store the stories run on: a data folder, or Kafka and MongoDB (`make kafka`).

CHARGELINE_STORIES_ON=servers says the second; the addresses stand in the environment, too. Every
data folder has a namespace of its own there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from chargeline.session import servers_of
from chassis.clock import Clock
from chassis.embedded import EmbeddedStore, InlineExecutor
from chassis.store import Store

if TYPE_CHECKING:
    from chassis.servers.settings import ServerSettings

HASTE = 20.0


def on_servers() -> bool:
    """Whether the stories run on real servers."""
    return os.environ.get("CHARGELINE_STORIES_ON") == "servers"


def servers_for(folder: Path) -> ServerSettings | None:
    """The servers that stand for `folder`; None: the folder itself does."""
    if not on_servers():
        return None
    servers = servers_of(folder)
    assert servers is not None, "the servers' addresses are missing: start with `make kafka`"
    return servers


def open_store(folder: Path, clock: Clock) -> Store:
    """What `folder` holds, or what stands for it on the servers."""
    servers = servers_for(folder)
    if servers is None:
        return EmbeddedStore.open(folder, executor=InlineExecutor(), clock=clock, durability="OFF")
    from chassis.servers.store import ServerStore

    folder.mkdir(parents=True, exist_ok=True)
    return ServerStore.open(servers, clock=clock)
