"""The log in SQLite: messages by topic and slot (a virtual partition), and consumers' offsets.

A message's offset is its row's number: it rises within a slot, with gaps, and is never used twice.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence

from chassis.embedded.records import decode_headers, encode_headers
from chassis.parked import Arrival
from chassis.records import Message

SLOTS = 8
_PAGE_MESSAGES = 32
_PAGE_BYTES = 1024 * 1024

type Slot = tuple[str, int]  # topic and number


def slot_of(key: str) -> int:
    """Which slot orders the key: the same in every process, for ever."""
    return zlib.crc32(key.encode()) % SLOTS


def append(messages: Sequence[Message]) -> Callable[[sqlite3.Connection], None]:
    """Work that appends the messages in their order."""
    rows = [(m.topic, slot_of(m.key), m.key, encode_headers(m.headers), m.value) for m in messages]

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO log (topic, slot, key, headers, value) VALUES (?, ?, ?, ?, ?)", rows
        )

    return work


def page_after(
    consumer: str, slot: Slot, position: int
) -> Callable[[sqlite3.Connection], list[Arrival]]:
    """Work that reads the next messages of a slot, few enough to hold in memory."""
    topic, number = slot

    def work(connection: sqlite3.Connection) -> list[Arrival]:
        page: list[Arrival] = []
        size_bytes = 0
        rows = connection.execute(
            "SELECT position, key, headers, value FROM log"
            " WHERE topic = ? AND slot = ? AND position > ? ORDER BY position LIMIT ?",
            (topic, number, position, _PAGE_MESSAGES),
        )
        for offset, key, headers, value in rows:
            page.append(
                Arrival(consumer, topic, number, offset, key, value, decode_headers(headers))
            )
            size_bytes += len(value)
            if size_bytes >= _PAGE_BYTES:
                break
        rows.close()
        return page

    return work


def is_last(page: Sequence[Arrival]) -> bool:
    """Nothing lay behind this page of a slot when it was read."""
    return len(page) < _PAGE_MESSAGES and sum(len(a.value) for a in page) < _PAGE_BYTES


class Moves:
    """How far consumers have come and nobody has written yet; the loop adds, the writer writes."""

    def __init__(self) -> None:
        self._moved: dict[tuple[str, Slot], int] = {}
        self._asked = False

    def add(self, consumer: str, slot: Slot, position: int) -> bool:
        """True: have `write` done; False: it was asked for already and has not begun."""
        self._moved[consumer, slot] = position
        asked, self._asked = self._asked, True
        return not asked

    def write(self, connection: sqlite3.Connection) -> None:
        """Work that notes all of it. What a failed commit takes along is delivered again."""
        self._asked = False  # first: what is added from here on may be too late for this write
        rows = []
        while self._moved:
            (consumer, slot), position = self._moved.popitem()
            rows.append((position, consumer, *slot))
        if not rows:
            return
        connection.executemany(
            "UPDATE offsets SET position = ? WHERE consumer = ? AND topic = ? AND slot = ?", rows
        )


def register(
    consumer: str, slots: Iterable[Slot]
) -> Callable[[sqlite3.Connection], dict[Slot, int]]:
    """Work that makes a consumer known (pruning then waits for it); where it stands."""

    def work(connection: sqlite3.Connection) -> dict[Slot, int]:
        for slot in slots:
            connection.execute(
                "INSERT INTO offsets (consumer, topic, slot, position) VALUES (?, ?, ?, 0)"
                " ON CONFLICT DO NOTHING",
                (consumer, *slot),
            )
        rows = connection.execute(
            "SELECT topic, slot, position FROM offsets WHERE consumer = ?", (consumer,)
        )
        return {(topic, number): position for topic, number, position in rows}

    return work


def prune(keep: int, limit: int) -> Callable[[sqlite3.Connection], int]:
    """Work that deletes messages all consumers of their topic have done; how many.

    The newest `keep` messages stay, and so do topics that nobody here consumes.
    """

    def work(connection: sqlite3.Connection) -> int:
        done = connection.execute(
            "DELETE FROM log WHERE position IN ("
            " SELECT l.position FROM"
            "  (SELECT topic, slot, min(position) AS done FROM offsets GROUP BY topic, slot) o"
            "  JOIN log l ON l.topic = o.topic AND l.slot = o.slot AND l.position <= o.done"
            " WHERE l.position <= (SELECT max(position) FROM log) - ? LIMIT ?)",
            (keep, limit),
        )
        return done.rowcount

    return work
