"""Delivery, the same for every bus: bytes in, handler called, failures answered by their kind.

TransientError: the partition waits, in order, and tries again. PermanentError, UnknownOutcome and
what can not be read: parked under a stable code. Anything else: parked as a bug. The partition
never skips a message: one that can not be parked either is tried again.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.errors import Failure, TransientError
from chassis.lanes import LaneLeft
from chassis.log import logger
from chassis.parked import Arrival, Cause
from chassis.parking import Parking
from chassis.service import Handler, Route
from chassis.telemetry import metrics, span, tracing
from schemas import frame
from schemas.messages import BodyRef

_log = logger("delivery")
_TRACE_CHARS = 8_000
_TOLD = ("tenant", "run", "revision", "document", "batch")
_RUN = {"tenant", "run"}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Limits of delivery and of the embedded bus."""

    handler_timeout_s: float = 60.0
    timeouts_max: int = 3  # runs over time before a message is parked
    wait_first_s: float = 0.05
    wait_max_s: float = 30.0
    drain_s: float = 30.0
    sweep_s: float = 5.0
    log_keep: int = 2_000
    log_prune_limit: int = 500


class Stopped(LaneLeft):
    """The bus stops: the message stays where it is."""


class _Kind(BaseModel):
    kind: str


class Delivery:
    """One consumer group's deliveries of one route."""

    def __init__(
        self,
        group: str,
        route: Route,
        bodies: Bodies,
        parking: Parking,
        *,
        clock: Clock,
        jitter: Random,
        settings: DeliverySettings,
    ) -> None:
        self.group = group
        self.topic = route.topic
        self.side_by_side = route.side_by_side
        self.takes_several = route.together is not None
        self._route = route
        self._heads = {_kind_of(head): (head, handler) for head, handler in route.on.items()}
        self._whole = _whole_of(route)
        self._bodies = bodies
        self._parking = parking
        self._clock = clock
        self._jitter = jitter
        self._settings = settings
        self._stopping = asyncio.Event()
        parking.enlist(group, self.handle)

    async def prepare(self) -> None:
        """Before the first delivery, and whenever partitions are assigned anew."""
        self._stopping.clear()
        await self._parking.load(self.group)

    def stop(self) -> None:
        """End waits; a handler at work finishes."""
        self._stopping.set()

    async def deliver(self, arrival: Arrival) -> bool:
        """True: done or parked, the offset moves. False: stopped, it stays."""
        attempts = 0
        while not self._stopping.is_set():
            try:
                if await self._parking.queued(arrival):
                    return True
                cause = await self.handle(arrival)
                if cause is not None:
                    await self._parking.park(arrival, cause)
                    metrics.add(metrics.PARKED, group=self.group, code=cause.code)
            except Stopped:
                return False
            except Exception as error:  # noqa: BLE001 - whatever it is, no message is skipped
                attempts += 1
                await self.pause(attempts, error)
            else:
                return True
        return False

    async def deliver_together(self, arrivals: Sequence[Arrival]) -> bool:
        """Messages of one key at once. False: nothing is decided, they are delivered one by one."""
        if not self.takes_several or len(arrivals) < 2 or self._stopping.is_set():
            return False
        if self._parking.waits(arrivals[0]):
            return False
        try:
            # Half the time, so that one by one there is enough left of a bus's patience to park.
            async with asyncio.timeout(self._settings.handler_timeout_s / 2):
                return await self._run_together(arrivals)
        except Exception as error:  # noqa: BLE001 - which of them it was, and why, each then tells
            why = f"{type(error).__name__}: {error}"
            _log.warning("delivered-one-by-one", group=self.group, count=len(arrivals), text=why)
            return False

    async def handle(self, arrival: Arrival) -> Cause | None:
        """Run the handler, waiting as long as it takes; what to park it under, or None: done."""
        attempts = timeouts = 0
        while not self._stopping.is_set():
            limit = asyncio.timeout(self._settings.handler_timeout_s)
            try:
                async with limit:
                    return await self._run(arrival)
            except TransientError as error:
                waits_for: Exception = error
            except Failure as error:  # PermanentError, UnknownOutcome
                return Cause(error.code, error.text)
            except ValidationError as error:
                return Cause("unreadable-body", _brief(error))
            except Exception as error:  # noqa: BLE001 - the one place that answers bugs
                if not limit.expired():
                    return Cause("bug", f"{type(error).__name__}: {error}", _trace(error))
                timeouts += 1
                if timeouts >= self._settings.timeouts_max:
                    return Cause("handler-timeout", f"{timeouts} runs took too long")
                waits_for = error
            attempts += 1
            await self.pause(attempts, waits_for)
        raise Stopped

    async def pause(self, attempts: int, error: Exception) -> None:
        """Let a growing, jittered time pass, or the bus stop."""
        s = self._settings
        wait_s = min(s.wait_max_s, s.wait_first_s * 2 ** min(attempts - 1, 30))
        wait_s *= self._jitter.uniform(0.5, 1.0)
        if isinstance(error, TransientError) and error.retry_after_s is not None:
            wait_s = max(wait_s, error.retry_after_s)
        code = error.code if isinstance(error, Failure) else "bug"
        metrics.add(metrics.DELIVERY_WAITS, group=self.group, code=code)
        _log.warning(
            "delivery-waits", group=self.group, attempts=attempts, wait_s=wait_s, text=str(error)
        )
        passed = asyncio.ensure_future(self._clock.sleep(wait_s))
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([passed, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            passed.cancel()
            stopped.cancel()

    async def _run(self, arrival: Arrival) -> Cause | None:
        read = self._read(arrival)
        if not isinstance(read, _Read):
            return read
        with metrics.timed(metrics.HANDLER, group=self.group), self._span(read):
            await read.handler(read.head, read.body)
        return None

    async def _run_together(self, arrivals: Sequence[Arrival]) -> bool:
        """False: one of them is to be parked, or none is for this group."""
        found = [read for a in arrivals if (read := self._read(a)) is not None]
        some = [read for read in found if isinstance(read, _Read)]
        if not some or len(some) < len(found):
            return False
        assert self._route.together is not None, "it takes several"
        with ExitStack() as told:
            told.enter_context(metrics.timed(metrics.HANDLER, group=self.group))
            for read in some:
                told.enter_context(self._span(read))
            await self._route.together([(read.head, read.body) for read in some])
        return True

    def _read(self, arrival: Arrival) -> _Read | Cause | None:
        """What to handle, or what to park it under; None: it is not for this group."""
        value = arrival.value
        line, inline = (value, value) if self._whole else frame.decode(value)
        try:
            kind = self._whole or _Kind.model_validate_json(line).kind
            known = self._heads.get(kind)
            head = None if known is None else known[0].model_validate_json(line)
        except ValidationError as error:
            return Cause("unreadable-message", _brief(error))
        if known is None or head is None:
            if self._route.others == "ignore":
                return None
            return Cause("unknown-message", f"{self.group} knows no message {kind[:80]}")
        parent = arrival.headers.get(tracing.HEADER, "")
        return _Read(kind, head, known[1], _LazyBody(self._bodies, head, inline), parent)

    def _span(self, read: _Read) -> AbstractContextManager[None]:
        """What the head says that a trace is looked up by; without a parent the run is one."""
        if tracing.is_off(read.parent):
            return nullcontext()
        told = {name: str(value) for name in _TOLD if (value := getattr(read.head, name, None))}
        about = tracing.run_trace(told["tenant"], told["run"]) if told.keys() >= _RUN else ""
        return span(
            "handle", parent=read.parent, trace_of=about, kind=read.kind, group=self.group, **told
        )


class _Read(NamedTuple):
    """A message that this group handles. `parent`: of its trace."""

    kind: str
    head: BaseModel
    handler: Handler
    body: _LazyBody
    parent: str


class _LazyBody:
    """Implements `chassis.service.Body`."""

    def __init__(self, bodies: Bodies, head: BaseModel, inline: bytes) -> None:
        self._bodies = bodies
        self._head = head
        self._inline = inline

    async def load(self) -> bytes:
        ref = getattr(self._head, "body", None)
        if isinstance(ref, BodyRef):
            tenant: str = getattr(self._head, "tenant")  # noqa: B009 - heads share no class here
            return await self._bodies.get(tenant, ref)
        return self._inline


def _kind_of(head: type[BaseModel]) -> str:
    if "kind" not in head.model_fields:
        return head.__name__
    kind = head.model_fields["kind"].default
    assert isinstance(kind, str), f"{head.__name__} names its kind"
    return kind


def _whole_of(route: Route) -> str | None:
    """What every value of the topic is, where none names its kind."""
    whole = [_kind_of(head) for head in route.on if "kind" not in head.model_fields]
    assert not whole or len(route.on) == 1, f"{route.topic} has values of one class, or of kinds"
    return whole[0] if whole else None


def _brief(error: ValidationError) -> str:
    """Where and why, without the values: they may be anybody's data."""
    found = [f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5]]
    return f"{error.title}: {'; '.join(found)}"


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-_TRACE_CHARS:]
