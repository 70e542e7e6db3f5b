"""The audit log: who changed what, before and after. Entries are added and never changed.

Each entry carries the digest of the one before: an entry that somebody edits or takes out of the
store breaks the chain at that place, and `verify` names it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.table import Table
from schemas.ids import content_hash

_FIRST = "0" * 32


class Entry(BaseModel):
    """One change. `before` and `after` hold no secret: what is sealed is named, never shown."""

    model_config = ConfigDict(frozen=True)

    number: int
    at: datetime
    by: str
    action: str
    about: str = ""
    before: Any = None
    after: Any = None
    request: str = ""
    previous: str = _FIRST

    @property
    def digest(self) -> str:
        """Of all it says, the digest of the entry before included."""
        return content_hash(self.model_dump_json().encode())


class Proof(BaseModel):
    """How many entries follow one another, and the digest of the last of them.

    Whoever has noted both sees later that the log was not cut short. `broken_at`: the first entry
    that does not follow.
    """

    model_config = ConfigDict(frozen=True)

    entries: int
    last: str
    broken_at: int | None = None


class Audit:
    """One log a tenant."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._entries: Table[Entry] = Table(outbox, "audit", Entry)
        self._clock = clock

    async def add(
        self,
        tenant: str,
        by: str,
        action: str,
        *,
        about: str = "",
        before: Any = None,
        after: Any = None,
        request: str = "",
    ) -> Entry:
        """Add to the end, however many add at once."""
        last = await self._last(tenant)
        while True:
            entry = Entry(
                number=last.number + 1 if last else 1,
                at=self._clock.now(),
                by=by,
                action=action,
                about=about,
                before=before,
                after=after,
                request=request,
                previous=last.digest if last else _FIRST,
            )
            if await self._entries.insert(tenant, key_of(entry.number), entry, tags={"of": "log"}):
                return entry
            there = await self._entries.get(tenant, key_of(entry.number))
            assert there is not None, "somebody else has added it"
            last = there.value

    async def page(self, tenant: str, after: str, limit: int) -> list[Entry]:
        """The first ones, or those from after a number as `key_of` spells it."""
        found = await self._entries.find(tenant, "of", "log", after=after, limit=limit)
        return [stored.value for stored in found]

    async def proof(self, tenant: str) -> Proof:
        """The whole chain, read through."""
        previous, number = _FIRST, 0
        async for stored in self._entries.every(tenant, "of", "log"):
            entry = stored.value
            number += 1
            if entry.number != number or entry.previous != previous:
                return Proof(entries=number, last=previous, broken_at=number)
            previous = entry.digest
        return Proof(entries=number, last=previous)

    async def broken(self, tenant: str) -> int | None:
        """The number of the first entry that is not what was added; None: the chain is whole."""
        return (await self.proof(tenant)).broken_at

    async def _last(self, tenant: str) -> Entry | None:
        number = await self._entries.count(tenant, "of", "log")
        stored = await self._entries.get(tenant, key_of(number)) if number else None
        return stored.value if stored else None


def key_of(number: int) -> str:
    """Keys sort as their numbers do."""
    return f"{number:012d}"
