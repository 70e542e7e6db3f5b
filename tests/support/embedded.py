"""Embedded stores for tests, and a message and service to send through them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Literal

from chassis.delivery import DeliverySettings
from chassis.embedded import EmbeddedStore, InlineExecutor, ThreadExecutor
from chassis.records import Message, Record
from chassis.service import Body, Route, Service
from schemas import frame
from schemas.messages import Head

QUICK = DeliverySettings(wait_first_s=0.001, wait_max_s=0.002, handler_timeout_s=5.0, drain_s=5.0)
EXECUTORS = {"thread": ThreadExecutor, "inline": InlineExecutor}


class Sent(Head):
    """A message of these tests."""

    topic = "tests.sent.v1"
    kind: Literal["Sent"] = "Sent"
    number: int = 0


def open_store(
    folder: Path, executor: str = "inline", settings: DeliverySettings = QUICK
) -> EmbeddedStore:
    """Its jitter is seeded, and it waits for no disk: no test here cuts the power."""
    return EmbeddedStore.open(
        folder,
        executor=EXECUTORS[executor](),
        jitter=Random(1),
        settings=settings,
        durability="OFF",
    )


def sent(number: int, key: str = "msp/acme", body: bytes = b"") -> Message:
    head = Sent(tenant="msp", run="run", revision=1, settings="s", number=number)
    return Message(Sent.topic, key, frame.encode(head.model_dump_json().encode(), body))


def record(key: str, body: bytes = b"body", **tags: str) -> Record:
    return Record("msp", "things", key, 0, body, tags)


def service(
    on_sent: Callable[[Sent, Body], Awaitable[None]],
    name: str = "reader",
    others: str = "ignore",
    *,
    side_by_side: bool = False,
) -> Service:
    return Service(name, (Route(Sent.topic, {Sent: on_sent}, others, side_by_side),))
