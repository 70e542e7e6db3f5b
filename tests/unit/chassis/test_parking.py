"""What fails is answered by its kind; what is parked keeps its order and can be retried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from pydantic import BaseModel

from chassis.clock import LoopClock
from chassis.delivery import DeliverySettings
from chassis.embedded import EmbeddedStore, InlineExecutor
from chassis.errors import PermanentError, UnknownOutcome
from chassis.records import Message
from chassis.service import Body, Route, Service
from schemas.messages import Parked
from support.embedded import Sent, sent, service
from support.virtual_loop import START, in_virtual_time


async def deliver(
    system: EmbeddedStore, on_sent: Callable[[Sent, Body], Awaitable[None]], *messages: Message
) -> None:
    system.bus.mount(service(on_sent, others="park"))
    await system.start()
    await system.bus.publish(messages)
    await system.bus.idle()


async def the_code(system: EmbeddedStore) -> str:
    await system.stop()
    [parked] = await system.parking.list("msp")
    return parked.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermanentError("content-differs", "other content"), "content-differs"),
        (UnknownOutcome("answer-lost", "no answer"), "answer-lost"),
        (ZeroDivisionError("oops"), "bug"),
        (TimeoutError("from the handler's own code"), "bug"),
    ],
)
async def test_a_failure_is_parked_under_its_code(
    system: EmbeddedStore, error: Exception, code: str
) -> None:
    async def on_sent(head: Sent, body: Body) -> None:
        raise error

    await deliver(system, on_sent, sent(1))
    assert await the_code(system) == code
    [parked] = await system.parking.list("msp")
    assert ("in on_sent" in parked.trace) == (code == "bug")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"\xff no json", "unreadable-message"),
        (b"", "unreadable-message"),
        (b'{"kind": "Sent"}', "unreadable-message"),
        (b'{"kind": "Other"}', "unknown-message"),
    ],
)
async def test_what_can_not_be_read_is_parked_with_its_bytes(
    system: EmbeddedStore, value: bytes, code: str
) -> None:
    async def on_sent(head: Sent, body: Body) -> None:
        raise AssertionError("never called")

    await deliver(system, on_sent, Message(Sent.topic, "msp/a", value, {"trace": "t1"}))
    assert await the_code(system) == code
    [parked] = await system.parking.list("msp")
    shown, stored = await system.parking.show("msp", parked.id)
    assert (stored, shown.headers) == (value, {"trace": "t1"})


async def test_an_unreadable_body_is_parked(system: EmbeddedStore) -> None:
    class Line(BaseModel):
        quantity: int

    async def on_sent(head: Sent, body: Body) -> None:
        Line.model_validate_json(await body.load())

    await deliver(system, on_sent, sent(1, body=b'{"quantity": "many"}'))
    assert await the_code(system) == "unreadable-body"
    [parked] = await system.parking.list("msp")
    assert "many" not in parked.text


def test_a_handler_that_hangs_is_ended_and_parked(tmp_path: Path) -> None:
    async def story() -> str:
        limits = DeliverySettings(handler_timeout_s=60, timeouts_max=3)
        clock = LoopClock(START)
        system = EmbeddedStore.open(
            tmp_path, executor=InlineExecutor(), clock=clock, jitter=Random(1), settings=limits
        )

        async def on_sent(head: Sent, body: Body) -> None:
            await clock.sleep(3600)

        await deliver(system, on_sent, sent(1))
        code = await the_code(system)
        assert clock.now() - START < timedelta(seconds=200)
        system.close()
        return code

    assert in_virtual_time(story()) == "handler-timeout"


async def test_each_parked_message_has_a_notice_but_notices_have_none(
    system: EmbeddedStore,
) -> None:
    notices: list[Parked] = []

    async def on_sent(head: Sent, body: Body) -> None:
        raise PermanentError("no", "never")

    async def on_parked(head: Parked, body: Body) -> None:
        notices.append(head)
        raise PermanentError("no", "neither")

    system.bus.mount(Service("gateway", (Route(Parked.topic, {Parked: on_parked}),)))
    await deliver(system, on_sent, sent(1), sent(2))
    await system.stop()
    queued = await system.parking.list("msp", state="queued")
    assert [n.code for n in notices] == ["no"]
    assert notices[0].group == f"reader.{Sent.topic}"
    assert sorted(q.group for q in queued) == [f"gateway.{Parked.topic}", f"reader.{Sent.topic}"]


async def test_a_retry_that_fails_again_keeps_the_order(system: EmbeddedStore) -> None:
    refused, seen = {1, 3}, []

    async def on_sent(head: Sent, body: Body) -> None:
        if head.number in refused:
            raise PermanentError(f"no-{head.number}", "not yet")
        seen.append(head.number)

    await deliver(system, on_sent, *(sent(n) for n in range(5)))
    group = f"reader.{Sent.topic}"
    assert seen == [0]
    again = await system.parking.retry_key("msp", group, "msp/acme")
    assert (again.done, again.cause and again.cause.code) == (0, "no-1")
    [parked] = await system.parking.list("msp")
    assert parked.attempts == 2
    refused.discard(1)
    further = await system.parking.retry("msp", parked.id)
    assert (further.done, further.cause and further.cause.code) == (2, "no-3")
    assert seen == [0, 1, 2]
    [parked] = await system.parking.list("msp")
    assert parked.code == "no-3"
    refused.clear()
    assert (await system.parking.retry("msp", parked.id)).done == 2
    await system.bus.publish([sent(5)])
    await system.bus.idle()
    await system.stop()
    assert seen == [0, 1, 2, 3, 4, 5]
    assert await system.parking.list("msp", state="queued") == []
    assert (await system.parking.retry_key("msp", group, "msp/acme")).done == 0
    with pytest.raises(PermanentError, match="parked-missing"):
        await system.parking.retry("msp", parked.id)
    with pytest.raises(PermanentError, match="group-unknown"):
        await system.parking.retry_key("msp", "nobody", "msp/acme")
