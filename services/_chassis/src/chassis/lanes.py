"""Lanes in the store: what waits under one group and key, in order, and who works it off.

Every change is compare-and-set, so processes that park, queue and retry at the same time each see
what the others did. The lease of a lane keeps two processes from working it off at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chassis.clock import Clock
from chassis.errors import TransientError
from chassis.outbox import Outbox
from chassis.parked import LANES, Arrival, Lane, lane_id, tenant_of
from chassis.records import Message, Records
from chassis.table import Table

ATTEMPTS_MAX = 50  # a collision means that somebody else got on, so this many in a row is a fault


class LaneLeft(Exception):  # noqa: N818 - an instruction, not an error
    """This process leaves the lane: another one works it off now, or this one stops."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lane is: its tenant, consumer group and order key."""

    tenant: str
    group: str
    key: str


def place_of(arrival: Arrival) -> Place:
    """Where a message queues if it has to."""
    return Place(tenant_of(arrival.key), arrival.group, arrival.key)


def with_message(lane: Lane, message: str) -> Lane:
    """The lane with that message in it, last if it is new."""
    if message in lane.waiting:
        return lane
    return lane.model_copy(update={"waiting": (*lane.waiting, message)})


class OpenKeys:
    """Which keys are parked, as known here: there may be some too many, never one too few."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], int] = {}
        self._last = 0

    def add(self, place: Place) -> None:
        """Its lane has something in it."""
        self._last += 1
        self._marks[place.group, place.key] = self._last

    def mark(self, place: Place) -> int | None:
        """Take it before the lane is looked at; None: the key is free."""
        return self._marks.get((place.group, place.key))

    def discard(self, place: Place, mark: int | None) -> None:
        """The lane was seen empty; what was parked since that mark keeps it open."""
        if mark is not None and self.mark(place) == mark:
            del self._marks[place.group, place.key]


class Lanes:
    """`owner` names this process among those that share the store; None: there is no other."""

    def __init__(
        self, records: Records, outbox: Outbox, clock: Clock, owner: str | None, lease_s: float
    ) -> None:
        self._records = records
        self._rows = Table(outbox, LANES, Lane)
        self._clock = clock
        self._lease = timedelta(seconds=lease_s)
        self.owner = owner

    async def read(self, place: Place) -> Lane:
        """As stored; a lane that was never used is empty."""
        row = await self._rows.get(place.tenant, lane_id(place.group, place.key))
        return Lane(group=place.group, key=place.key) if row is None else row.value

    async def change(
        self,
        place: Place,
        decide: Callable[[Lane], Lane],
        outgoing: Sequence[Message] = (),
    ) -> Lane:
        """Compare-and-set `decide` of the stored lane: how it is then. Equal: nothing is written.

        `outgoing` is published with the change, if there is one.
        """
        for _ in range(ATTEMPTS_MAX):
            row = await self._rows.get(place.tenant, lane_id(place.group, place.key))
            before = Lane(group=place.group, key=place.key) if row is None else row.value
            after = decide(before)
            if after == before:
                return before
            if row is None:
                key = lane_id(place.group, place.key)
                written = await self._rows.insert(
                    place.tenant, key, after, tags=after.tags(), outgoing=outgoing
                )
            else:
                written = await self._rows.replace(row, after, tags=after.tags(), outgoing=outgoing)
            if written:
                return after
        raise TransientError("lease-contended", f"the lane of {place.key} changes without pause")

    async def claim(self, place: Place) -> bool:
        """Whether this process may work the lane off now."""
        if self.owner is None:
            return True
        now = self._clock.now()

        def claimed(lane: Lane) -> Lane:
            free = lane.owner in ("", self.owner) or lane.until is None or lane.until <= now
            if not (lane.retrying and lane.waiting and free):
                return lane
            return lane.model_copy(update=self._leased())

        after = await self.change(place, claimed)
        return after.owner == self.owner and after.retrying

    async def keep(self, place: Place) -> None:
        """Renew the lease as long as it is ours; returns when it is not, or can not be renewed."""
        assert self.owner is not None, "who is alone needs no lease"
        ends = self._clock.now() + self._lease
        while self._clock.now() < ends:
            await self._clock.sleep(self._lease.total_seconds() / 4)
            try:
                lane = await self.change(place, self._renewed)
            except TransientError:
                continue  # the store is away; the lease goes on until its end
            except LaneLeft:
                return
            assert lane.until is not None, "a lease has an end"
            ends = lane.until

    async def forget(self, place: Place, message: str) -> Lane:
        """Take a message that is done out of the lane; the lease ends with the last one."""

        def forgotten(lane: Lane) -> Lane:
            self._ours(lane)
            waiting = tuple(id_ for id_ in lane.waiting if id_ != message)
            lane = lane.model_copy(update={"waiting": waiting})
            return lane if waiting else lane.model_copy(update=_AT_REST)

        return await self.change(place, forgotten)

    async def rest(self, place: Place, outgoing: Sequence[Message] = ()) -> None:
        """The retry is over: the lane waits for a person."""

        def rested(lane: Lane) -> Lane:
            self._ours(lane)
            return lane.model_copy(update=_AT_REST)

        await self.change(place, rested, outgoing)

    async def release(self, place: Place) -> None:
        """Leave the lane to whoever goes on with the retry."""

        def released(lane: Lane) -> Lane:
            if lane.owner != self.owner:
                return lane
            return lane.model_copy(update={"owner": "", "until": None})

        if self.owner is not None:
            await self.change(place, released)

    async def tagged(self, tag: str, group: str) -> Sequence[Place]:
        """The group's lanes with that tag, of all tenants."""
        found: list[Place] = []
        after = ""
        while page := await self._records.sweep(LANES, tag, group, after=after):
            for record in page:
                lane = Lane.model_validate_json(record.body)
                found.append(Place(record.tenant, group, lane.key))
            after = f"{page[-1].tenant}/{page[-1].key}"
        return found

    def _renewed(self, lane: Lane) -> Lane:
        self._ours(lane)
        return lane.model_copy(update=self._leased())

    def _leased(self) -> dict[str, object]:
        return {"owner": self.owner, "until": self._clock.now() + self._lease}

    def _ours(self, lane: Lane) -> None:
        if self.owner is not None and lane.owner != self.owner:
            raise LaneLeft(lane.owner)


_AT_REST = {"retrying": False, "owner": "", "until": None}
