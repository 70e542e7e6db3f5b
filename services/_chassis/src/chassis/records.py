"""The store's contract: one aggregate is one record is one atomic update.

Embedded SQLite meets it today and MongoDB later, under one contract suite. Every call is scoped to
a tenant. A record may hold `outgoing` messages in the same update (see `chassis.outbox`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from chassis.errors import PermanentError

type Place = tuple[str, str, str]  # tenant, collection, key

_STAMP_BYTES = 9
APPEND_ONLY = frozenset({"audit"})  # collections whose records are never changed


def may_change(collection: str) -> None:
    """Asked by every store before it replaces or deletes. PermanentError `append-only`."""
    if collection in APPEND_ONLY:
        raise PermanentError("append-only", f"what stands in {collection} is never changed")


def of_one_collection(records: Sequence[Record]) -> str:
    """What is inserted in order: its collection."""
    places = {(record.tenant, record.collection) for record in records}
    assert len(places) == 1, "what is in order is of one tenant and collection"
    assert not any(record.outgoing for record in records), "nothing would publish their messages"
    return records[0].collection


def new_stamp() -> bytes:
    """What no other write is called."""
    return os.urandom(_STAMP_BYTES)


@dataclass(frozen=True, slots=True)
class Message:
    """One message for the bus: the key orders it, the bytes are a `schemas.frame`."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One stored aggregate. `version` counts its updates from 1; `find` looks by `tags`.

    `stamp` names the one write that left it so, where a store keeps that; the outbox gives it to a
    write with messages.
    """

    tenant: str
    collection: str
    key: str
    version: int
    body: bytes
    tags: Mapping[str, str] = field(default_factory=dict)
    outgoing: Sequence[Message] = ()
    stamp: bytes = field(default=b"", repr=False, compare=False)

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.tenant, self.collection, self.key


class Records(Protocol):
    """Durable when a write returns. Raises TransientError when the store is away."""

    is_local: ClassVar[bool]  # a file of this machine: bytes cost little on their way there

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        """The record, or None."""
        ...

    async def insert(self, record: Record) -> bool:
        """Insert if absent (the version given is ignored, it becomes 1). False: it was there."""
        ...

    async def insert_in_order(self, records: Sequence[Record]) -> int:
        """Insert one after the other, up to the first that was there; how many are new.

        Of one tenant and collection, none with messages. Whatever happens, none of them is stored
        unless those before it are.
        """
        ...

    async def replace(self, record: Record) -> bool:
        """Replace if the stored version is `record.version`; the version rises by one.

        False: somebody else replaced or deleted it meanwhile, nothing was written.
        """
        ...

    async def clear(self, record: Record) -> None:
        """Drop the messages that it holds, which were published, if it still is that record.

        Its version stays: nobody has to read it again for this.
        """
        ...

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        """True if it was there."""
        ...

    async def find(
        self,
        tenant: str,
        collection: str,
        tag: str,
        value: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[Record]:
        """Records whose tag has that value, by key, from after the cursor `after` on."""
        ...

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        """Records whose tag has one of these values, by key."""
        ...

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        """How many records have that tag."""
        ...

    async def sweep(
        self, collection: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """Like `find` over all tenants, by tenant and key: for the chassis alone."""
        ...

    async def with_outgoing(self, *, limit: int = 100) -> list[Record]:
        """Records of all tenants that still hold messages to publish: for the chassis alone."""
        ...
