"""The call limits of one connection, counted in its lease record so that every process shares them.

Calls are booked in blocks and counted in a sliding window: never more than `calls` in any
`window_s`, as the vendor counts them. It counts a call at some moment before its answer is here, so
that is when the call counts here, though no later than a hundredth of the window after it was sent.
A short wait for the window is waited out here, because a job that comes back from its checkpoint
lists anew, which costs calls; for a long one the job waits by its checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from chassis.errors import TransientError
from chassis.leases import CallCounts, CallsTaken, Leases, LeaseState
from chassis.telemetry import metrics

_BLOCK_MAX = 20
_A_MOMENT_S = 0.002  # so that the window has forgotten for certain


@dataclass(frozen=True, slots=True)
class CallLimits:
    """A vendor's limits; `reserve` is left to short calls outside jobs.

    `vendor` is what numbers about them are told under.
    """

    calls: int
    window_s: float
    a_day: int | None = None
    reserve: int = 0
    block: int | None = None  # calls booked at once; None: a 25th of the window's, at most 20
    vendor: str = ""
    patience_s: float = 20.0  # far below the lease's length, which is renewed meanwhile

    def outside_jobs(self) -> CallLimits:
        """For short calls (test credentials, pick lists): they may use the reserve, one by one."""
        return replace(self, reserve=0, block=1, patience_s=0.0)

    @property
    def booked(self) -> int:
        """Calls booked at once: they all count until the last of them is forgotten."""
        return self.block or max(1, min(_BLOCK_MAX, self.calls // 25))


@dataclass(frozen=True)
class Budgets:
    """One budget per connection and process, so that what is left of a block is not wasted."""

    leases: Leases
    known: dict[tuple[str, str, CallLimits], Budget] = field(default_factory=dict)

    def of(self, tenant: str, connection: str, limits: CallLimits) -> Budget:
        """The budget of that connection under these limits."""
        key = (tenant, connection, limits)
        if key not in self.known:
            self.known[key] = Budget(self.leases, tenant, connection, limits)
        return self.known[key]


@dataclass(slots=True)
class _Block:
    """Calls booked: a block not used until `until` is void, because the window forgets it then."""

    number: int
    calls: int
    until: datetime
    used: int = 0
    under_way: int = 0
    last: datetime | None = None  # when its last call counts


class Budget:
    """`async with call()` around each call to the vendor; `block` when the vendor wants none."""

    def __init__(self, leases: Leases, tenant: str, connection: str, limits: CallLimits) -> None:
        self._leases, self._clock = leases, leases.clock
        self._tenant, self._connection, self._limits = tenant, connection, limits
        self._block: _Block | None = None
        self._booked: dict[int, _Block] = {}  # by number: what is not counted exactly yet
        self._open: set[int] = set()  # those with calls under way when they were counted last
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """One call, soon, or TransientError `rate-limited` with the time until there is one."""
        block = await self._soon()
        metrics.add(metrics.BUDGET_CALLS, vendor=self._limits.vendor)
        sent = self._clock.now()
        try:
            yield
        finally:
            block.under_way -= 1
            counted = min(self._clock.now(), sent + self._window / 100)
            block.last = counted if block.last is None else max(counted, block.last)

    async def _soon(self) -> _Block:
        """The block of the call, after a wait that is short enough."""
        while True:
            try:
                return await self._taken()
            except TransientError as used_up:
                wait_s = used_up.retry_after_s
                if wait_s is None or wait_s > self._limits.patience_s:
                    raise
                await self._clock.sleep(wait_s + _A_MOMENT_S)

    async def _taken(self) -> _Block:
        async with self._lock:
            block = self._block
            if block is None or block.used >= block.calls or block.until <= self._clock.now():
                block = await self._book()
            block.used += 1
            block.under_way += 1
            return block

    async def block(self, seconds: float) -> None:
        """The vendor wants no call for so long (429, Retry-After): tell every process."""
        until = self._clock.now() + timedelta(seconds=seconds)
        metrics.add(metrics.BUDGET_BLOCKED, seconds, vendor=self._limits.vendor)

        def blocked(state: LeaseState) -> LeaseState:
            earlier = state.calls.blocked_until
            latest = until if earlier is None else max(earlier, until)
            return _with(state, state.calls.model_copy(update={"blocked_until": latest}))

        async with self._lock:
            await self._leases.change(self._tenant, self._connection, blocked)
            if self._block is not None:
                self._block.until = self._clock.now()

    async def _book(self) -> _Block:
        """Correct earlier blocks to what was used of them, then book the next, or say when."""
        booked: _Block | None = None
        free_at: datetime | None = None

        def book(state: LeaseState) -> LeaseState:
            nonlocal booked, free_at
            now = self._clock.now()
            counts = self._settled(state.calls, now)
            free_at = self._free_at(counts, now)
            booked = None if free_at is not None else self._next_block(counts, now)
            return _with(state, counts if booked is None else self._counted(counts, booked))

        _, after = await self._leases.change(self._tenant, self._connection, book)
        used = sum(entry.calls for entry in after.calls.taken) / self._limits.calls
        metrics.add(metrics.BUDGET_USED, used, vendor=self._limits.vendor)
        self._booked = {n: block for n, block in self._booked.items() if n in self._open}
        self._block = booked
        if booked is None:
            assert free_at is not None, "there is a block or a time to wait for one"
            wait_s = (free_at - self._clock.now()).total_seconds()
            metrics.add(metrics.BUDGET_REFUSED, vendor=self._limits.vendor)
            text = f"the calls of connection {self._connection} are used up for {wait_s:.0f} s"
            raise TransientError("rate-limited", text, retry_after_s=max(wait_s, 0.0))
        self._booked[booked.number] = booked
        return booked

    def _settled(self, counts: CallCounts, now: datetime) -> CallCounts:
        """The counts without what the window has forgotten and what our blocks left unused.

        Every block of ours ends here: the next one is booked now.
        """
        taken, unused = [], 0
        self._open = {n for n, block in self._booked.items() if block.under_way}
        for entry in counts.taken:
            kept, block = entry, self._booked.get(entry.number)
            if block is not None:
                unused += entry.calls - block.used
                at = entry.at if block.last is None else block.last
                at = max(entry.at, now) if entry.number in self._open else at
                kept = CallsTaken(number=entry.number, at=at, calls=block.used)
            if kept.calls and kept.at + self._window > now:
                taken.append(kept)
        same_day = counts.day == now.date()
        day_calls = max(counts.day_calls - unused, 0) if same_day else 0
        changes = {"taken": tuple(taken), "day": now.date(), "day_calls": day_calls}
        return counts.model_copy(update=changes)

    def _free_at(self, counts: CallCounts, now: datetime) -> datetime | None:
        """When calls are free again; None: now."""
        waits = []
        if counts.blocked_until is not None and counts.blocked_until > now:
            waits.append(counts.blocked_until)
        if self._left(counts) < 1:
            waits.append(min((entry.at for entry in counts.taken), default=now) + self._window)
        if self._limits.a_day is not None and counts.day_calls >= self._limits.a_day:
            waits.append(datetime.combine(now.date() + timedelta(days=1), time(), UTC))
        return max(waits, default=None)

    def _next_block(self, counts: CallCounts, now: datetime) -> _Block:
        calls = min(self._limits.booked, self._left(counts))
        if self._limits.a_day is not None:
            calls = min(calls, self._limits.a_day - counts.day_calls)
        return _Block(counts.blocks + 1, calls, until=now + self._window / 10)

    def _counted(self, counts: CallCounts, block: _Block) -> CallCounts:
        """Counted as if its calls came last of all; the next booking corrects it."""
        entry = CallsTaken(number=block.number, at=block.until, calls=block.calls)
        changes = {
            "blocks": block.number,
            "taken": (*counts.taken, entry),
            "day_calls": counts.day_calls + block.calls,
        }
        return counts.model_copy(update=changes)

    def _left(self, counts: CallCounts) -> int:
        used = sum(entry.calls for entry in counts.taken)
        return self._limits.calls - self._limits.reserve - used

    @property
    def _window(self) -> timedelta:
        return timedelta(seconds=self._limits.window_s)


def _with(state: LeaseState, calls: CallCounts) -> LeaseState:
    return state.model_copy(update={"calls": calls})
