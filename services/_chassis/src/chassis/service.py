"""A service as a value: its name, its routes from topic to handler, and its jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel


class Body(Protocol):
    """The body of a message, wherever it lies."""

    async def load(self) -> bytes:
        """The bytes: from the message itself, or from the store."""
        ...


# `on_<message>(head, body)`: load, decide, store, publish, return. Returning moves the offset.
Handler = Callable[[Any, Body], Awaitable[None]]


# The same for several messages of one key, in their order.
Together = Callable[[Sequence[tuple[Any, Body]]], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """What a service does with the messages of one topic, by the class of their head.

    A class without a `kind` stands alone: each value of the topic is one of it, whole, and the
    handler is handed its bytes as the body.

    `others`: "ignore" acknowledges kinds not listed (commands meant for another service); "park"
    parks them as `unknown-message`. `side_by_side`: no handler minds the order, not even of one
    key's messages, so a bus may handle several at once. `together` does for those of a key that
    lie there what the handlers would do one after the other, for less; when it raises, they are
    handled one by one, and whatever of it was done is done again, as after a crash. It is not
    stopped half-way, so it must be short, and what it does is traced under the last of them.
    """

    topic: str
    on: Mapping[type[BaseModel], Handler]
    others: str = "ignore"
    side_by_side: bool = False
    together: Together | None = None


@dataclass(frozen=True)
class Service:
    """Mounted on Kafka (a process each) or on the embedded bus (all in one process)."""

    name: str
    routes: tuple[Route, ...]
    jobs: Mapping[str, Callable[[JobRun], Awaitable[None]]] = field(default_factory=dict)


class JobRun(Protocol):
    """What a job is handed: its payload and checkpoint, and the lease it runs under.

    A job works in steps and saves a checkpoint after each; any replica goes on from it. Raising
    JobWaits or TransientError releases the lease and comes back later; returning ends the job.
    """

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def connection(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def checkpoint(self) -> bytes | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def fence(self) -> int: ...

    async def save(self, checkpoint: bytes) -> None:
        """Store the checkpoint; raises LeaseLost when another owner has taken over."""
        ...

    async def guard(self) -> None:
        """Compare the fence before a vendor write; renews the lease; raises LeaseLost."""
        ...


class JobWaits(Exception):  # noqa: N818 - an instruction, not an error
    """The job goes on later: nothing is lost, no lease is held meanwhile."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.why = why


class LeaseLost(Exception):  # noqa: N818 - an instruction, not an error
    """Another process runs this connection's jobs now; this one writes no more."""
