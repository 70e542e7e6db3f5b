"""A topic whose values name no kind: each is one of the route's class, and its bytes arrive too."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from chassis.records import Message
from chassis.service import Body, Route, Service
from chassis.store import Store
from support.embedded import Sent

Open = Callable[[], Store]


class Told(BaseModel):
    """What this reader wants to know of a value."""

    id: str


def told(number: int) -> Message:
    value = b'{"id": "%d",\n "more": "kept as it was published"}' % number
    return Message(Sent.topic, "msp", value, {"content-type": "application/cloudevents+json"})


async def test_a_value_without_a_kind_arrives_whole_and_in_order(open_system: Open) -> None:
    seen: list[tuple[str, bytes]] = []

    async def on_told(head: Told, body: Body) -> None:
        seen.append((head.id, await body.load()))

    system = open_system()
    system.bus.mount(Service("reader", (Route(Sent.topic, {Told: on_told}),)))
    await system.start()
    await system.bus.publish([told(n) for n in range(20)])
    await system.idle()
    await system.stop()
    assert seen == [(str(n), told(n).value) for n in range(20)]


async def test_a_value_that_is_something_else_is_parked(open_system: Open) -> None:
    async def on_told(head: Told, body: Body) -> None:
        raise AssertionError("nobody can read it")

    system = open_system()
    system.bus.mount(Service("reader", (Route(Sent.topic, {Told: on_told}),)))
    await system.start()
    await system.bus.publish([Message(Sent.topic, "msp", b'{"number": 1}')])
    await system.idle()
    [parked] = await system.parking.list("msp")
    await system.stop()
    assert parked.code == "unreadable-message"
