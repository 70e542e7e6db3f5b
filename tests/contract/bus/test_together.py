"""A route that takes several messages of a key at once: what it is handed, and what if it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chassis.errors import PermanentError, TransientError
from chassis.records import Message
from chassis.service import Body, Route, Service
from chassis.store import Store
from schemas import frame
from support.embedded import Sent, sent

Open = Callable[[], Store]
Told = tuple[Sent, Body]


class Reader:
    """Keeps what it was handed, by which way; `refuses` raises instead."""

    def __init__(self, refuses: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.together: list[list[int]] = []
        self.alone: list[int] = []
        self._refuses = refuses

    async def on_several(self, told: Sequence[Told]) -> None:
        self.together.append([head.number for head, _ in told])
        for head, _ in told:
            if error := self._refuses(head.number):
                raise error

    async def on_sent(self, head: Sent, _body: Body) -> None:
        if error := self._refuses(head.number):
            raise error
        self.alone.append(head.number)

    def service(self) -> Service:
        return Service(
            "reader", (Route(Sent.topic, {Sent: self.on_sent}, together=self.on_several),)
        )


async def read(system: Store, reader: Reader, messages: Sequence[Message]) -> None:
    """All of them lie there when the reader comes."""
    system.bus.mount(reader.service())
    await system.bus.publish(messages)
    await system.start()
    await system.idle()


def of_key(reader: Reader) -> list[int]:
    """What was handled by itself, but for the other key's."""
    return [number for number in reader.alone if number != 9]


async def test_what_lies_there_of_a_key_is_handled_together_in_order(open_system: Open) -> None:
    system, reader = open_system(), Reader()
    await read(system, reader, [sent(n, f"msp/{n % 2}") for n in range(40)])
    await system.bus.publish([sent(40, "msp/0")])
    await system.idle()
    await system.stop()
    handled = [*reader.together, *([n] for n in reader.alone)]
    assert max(map(len, reader.together)) > 1, "that is what it is for"
    for key in (0, 1):
        of_key = [some for some in handled if some[0] % 2 == key]
        assert all(n % 2 == key for some in of_key for n in some), "never of two keys"
        inner = [n for some in of_key for n in some if n < 40]
        assert sorted(inner) == list(range(key, 40, 2)), "each once"
        assert all(some == sorted(some) for some in of_key), "in order"


async def test_when_it_fails_each_is_handled_by_itself(open_system: Open) -> None:
    failures = iter([TransientError("store-away", "for a moment")] * 2)

    def refuses(number: int) -> Exception | None:
        return next(failures, None) if number == 7 else None

    system, reader = open_system(), Reader(refuses)
    await read(system, reader, [sent(n) for n in range(10)])
    await system.stop()
    assert any(7 in some for some in reader.together)
    whole = [n for some in reader.together if 7 not in some for n in some]
    assert sorted({*whole, *reader.alone}) == list(range(10))
    assert reader.alone == sorted(reader.alone)
    assert 7 in reader.alone, "it was tried again by itself until it was done"


async def test_one_that_can_not_be_handled_is_parked_and_those_behind_it_queue(
    open_system: Open,
) -> None:
    broken = True

    def refuses(number: int) -> Exception | None:
        return PermanentError("no-number", "who knows") if broken and number == 3 else None

    system, reader = open_system(), Reader(refuses)
    unreadable = Message(Sent.topic, "msp/other", frame.encode(b'{"kind": "Sent"}', b""))
    await read(system, reader, [sent(n) for n in range(6)] + [sent(9, "msp/other"), unreadable])
    assert of_key(reader) == [0, 1, 2]
    assert 9 in reader.alone, "keys do not wait for each other"
    parked = {message.code: message.id for message in await system.parking.list("msp")}
    assert sorted(parked) == ["no-number", "unreadable-message"]
    before = len(reader.together)
    await system.bus.publish([sent(6), sent(7)])
    await system.idle()
    assert len(reader.together) == before, "nothing passes the one that is parked"
    broken = False
    await system.parking.retry("msp", parked["no-number"])
    await system.stop()
    assert of_key(reader) == list(range(8))
