"""What a process opens to take part: records, bus, and what stands on both.

`chassis.embedded.EmbeddedStore` is a data folder, `chassis.servers.ServerStore` a cluster.
"""

from __future__ import annotations

from typing import Protocol

from chassis.bodies import Bodies
from chassis.bus import Bus
from chassis.outbox import Outbox
from chassis.parking import Parking
from chassis.records import Records


class Store(Protocol):
    """Mount services on `bus`, `start`; at the end `stop` and `close`."""

    @property
    def records(self) -> Records: ...
    @property
    def bus(self) -> Bus: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def bodies(self) -> Bodies: ...
    @property
    def parking(self) -> Parking: ...

    async def start(self) -> None:
        """Publish what a dead process left behind, then consume, and keep the house."""
        ...

    async def idle(self) -> None:
        """Wait until every group that is mounted here has done all that is published to it."""
        ...

    async def stop(self) -> None:
        """Let what is in hand finish."""
        ...

    def close(self) -> None:
        """Let go of what was opened."""
        ...
