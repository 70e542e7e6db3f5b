"""The lease of one connection: who may work there, under which fence, and the calls it has made.

One record per tenant and connection. Every claim raises the fence, so what an owner that was
thought dead still tries is recognised as late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import TransientError
from chassis.records import Record, Records
from chassis.service import LeaseLost

COLLECTION = "leases"
_STALE_AFTER = 0.1  # of its time: a lease that has used up less is not written again
ATTEMPTS_MAX = 50  # a collision means that somebody else got on, so this many in a row is a fault


class CallsTaken(BaseModel):
    """Calls booked together; they count against the window until `at` plus the window."""

    model_config = ConfigDict(frozen=True)
    number: int
    at: datetime
    calls: int


class CallCounts(BaseModel):
    """What the connection has used of its limits, and until when the vendor wants no call."""

    model_config = ConfigDict(frozen=True)
    blocks: int = 0
    taken: tuple[CallsTaken, ...] = ()
    day: date | None = None
    day_calls: int = 0
    blocked_until: datetime | None = None


class LeaseState(BaseModel):
    """The stored lease; no owner means that it is free."""

    model_config = ConfigDict(frozen=True)
    owner: str = ""
    fence: int = 0
    until: datetime | None = None
    calls: CallCounts = CallCounts()


@dataclass(frozen=True, slots=True)
class HeldElsewhere:
    """Another owner has the lease until then, unless it renews."""

    until: datetime


@dataclass(frozen=True)
class Leases:
    """Leases in the store. Nine tenths of `ttl_s`, which is what a renewed lease has at least,
    must exceed the longest vendor write plus its settle time."""

    records: Records
    clock: Clock
    ttl_s: float = 120.0

    async def claim(
        self, tenant: str, connection: str, owner: str, *, take_over: bool = False
    ) -> Lease | HeldElsewhere:
        """The lease under a higher fence, unless a living owner has it.

        `owner` is unique to the start of a process, so finding it means an earlier release of ours
        was lost. `take_over`: something else (the folder lock) proves every other owner dead.
        """

        def claimed(state: LeaseState) -> LeaseState:
            ours = take_over or state.owner in ("", owner)
            if not ours and state.until is not None and state.until > self.clock.now():
                return state
            return state.model_copy(
                update={"owner": owner, "fence": state.fence + 1, "until": self.ends()}
            )

        before, after = await self.change(tenant, connection, claimed)
        if after.fence == before.fence:
            assert after.until is not None, "a held lease has an end"
            return HeldElsewhere(after.until)
        return Lease(self, tenant, connection, after.fence)

    async def change(
        self, tenant: str, connection: str, decide: Callable[[LeaseState], LeaseState]
    ) -> tuple[LeaseState, LeaseState]:
        """Compare-and-set `decide` of the stored state: before and after. Equal: no write."""
        for _ in range(ATTEMPTS_MAX):
            record = await self.records.get(tenant, COLLECTION, connection)
            before = LeaseState.model_validate_json(record.body) if record else LeaseState()
            after = decide(before)
            if after == before:
                return before, after
            body = after.model_dump_json().encode()
            if record is None:
                written = await self.records.insert(
                    Record(tenant, COLLECTION, connection, version=1, body=body)
                )
            else:
                written = await self.records.replace(replace(record, body=body))
            if written:
                return before, after
        raise TransientError("lease-contended", f"connection {connection} changes without pause")

    async def read(self, tenant: str, connection: str) -> LeaseState:
        """The lease as stored."""
        record = await self.records.get(tenant, COLLECTION, connection)
        return LeaseState.model_validate_json(record.body) if record else LeaseState()

    def ends(self) -> datetime:
        """When a lease claimed or renewed now ends."""
        return self.clock.now() + timedelta(seconds=self.ttl_s)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was claimed here; whether it still holds, only the store can say."""

    leases: Leases
    tenant: str
    connection: str
    fence: int

    async def renew(self) -> None:
        """Compare the fence and start the time anew, or LeaseLost.

        A lease that has just begun is only compared: nobody else can claim it before its end, and
        a write of its own for each vendor write would be one commit in eight of a run.
        """
        stale = timedelta(seconds=self.leases.ttl_s * _STALE_AFTER)

        def renewed(state: LeaseState) -> LeaseState:
            if state.fence != self.fence or not state.owner or state.until is None:
                raise LeaseLost(f"fence {self.fence} of {self.connection} is now {state.fence}")
            ends = self.leases.ends()
            return state if ends - state.until < stale else state.model_copy(update={"until": ends})

        await self.leases.change(self.tenant, self.connection, renewed)

    async def release(self) -> None:
        """Free it for the next owner; nothing happens if it was taken over."""

        def freed(state: LeaseState) -> LeaseState:
            if state.fence != self.fence:
                return state
            return state.model_copy(update={"owner": "", "until": None})

        await self.leases.change(self.tenant, self.connection, freed)
