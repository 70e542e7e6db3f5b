"""What the poster keeps of counts: what stands at a connection, and the writes under way there."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import LeaseLost
from chassis.table import Stored, Table
from poster_halo.domain.licence_writes import Writes
from poster_halo.domain.licences import Counted
from poster_halo.domain.link_writes import LinkWrites

COUNTED, WRITES, LINKS = "counts-posted", "count-writes", "count-links"


class Standing(BaseModel):
    """All licences of one source at one connection as last read, by client and product.

    `answered` is the job that published last, `revision` the sync's.
    """

    model_config = ConfigDict(frozen=True)

    fence: int = 0
    answered: str = ""
    revision: int = 0
    day: str = ""
    rows: dict[str, Counted] = {}


class CountStore:
    """One record of each kind a connection and source; jobs write them under its lease alone."""

    def __init__(self, outbox: Outbox) -> None:
        self._standing = Table(outbox, COUNTED, Standing)
        self._writes = Table(outbox, WRITES, Writes)
        self._links = Table(outbox, LINKS, LinkWrites)

    async def standing(self, tenant: str, where: str) -> Standing:
        """What stood when it was read last; what it still had to publish is published first."""
        stored = await self._standing.get(tenant, where)
        return stored.value if stored else Standing()

    async def put_standing(
        self, tenant: str, where: str, standing: Standing, outgoing: Sequence[Message]
    ) -> None:
        """Store, then publish."""
        await _put(self._standing, tenant, where, standing, outgoing)

    async def writes(self, tenant: str, where: str) -> Writes:
        """The writes of the job that wrote last."""
        stored = await self._writes.get(tenant, where)
        return stored.value if stored else Writes()

    async def put_writes(self, tenant: str, where: str, writes: Writes) -> None:
        """Intents before they are sent, answers after."""
        await _put(self._writes, tenant, where, writes, ())

    async def links(self, tenant: str, where: str) -> LinkWrites:
        """What was planned last, and the write under way."""
        stored = await self._links.get(tenant, where)
        return stored.value if stored else LinkWrites()

    async def put_links(
        self, tenant: str, where: str, links: LinkWrites, outgoing: Sequence[Message] = ()
    ) -> None:
        """Store, then publish."""
        await _put(self._links, tenant, where, links, outgoing)


async def _put[T: Standing | Writes | LinkWrites](
    table: Table[T], tenant: str, where: str, value: T, outgoing: Sequence[Message]
) -> None:
    stored: Stored[T] | None = await table.get(tenant, where)
    if stored is None:
        done = await table.insert(tenant, where, value, outgoing=outgoing)
    elif stored.value.fence > value.fence:
        raise LeaseLost(f"the counts at {where} belong to a newer owner")
    else:
        done = await table.replace(stored, value, outgoing=outgoing)
    if not done:
        raise LeaseLost(f"the counts at {where} were written by another owner")


def where_of(connection: str, source: str) -> str:
    """The key of a source's counts at a connection."""
    return f"{connection}/{source}"
