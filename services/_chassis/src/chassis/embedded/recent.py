"""Records as last read or written: the folder has one owner, so it may know what is stored.

A record is kept only while no write of it is under way, so what is kept is what is committed.
"""

from __future__ import annotations

from collections.abc import Awaitable

from chassis.records import Place, Record

_BYTES_MAX = 8 * 1024 * 1024
_RECORD_BYTES_MAX = 64 * 1024  # bodies and pages are read once: they would only drive others out
_OVERHEAD_BYTES = 500  # of a record beside its body, about


class Recent:
    """The records used last, up to some megabytes. For the loop's thread alone."""

    def __init__(self) -> None:
        self._kept: dict[Place, Record] = {}  # the one used last stands last
        self._bytes = 0
        self._under_way: dict[Place, int] = {}  # how many writes

    def get(self, place: Place) -> Record | None:
        """The record as it is stored; None says nothing."""
        record = self._kept.pop(place, None)
        if record is not None:
            self._kept[place] = record
        return record

    def keep(self, record: Record) -> None:
        """A record that is stored like this now."""
        place = record.place
        if place in self._under_way or record.outgoing or len(record.body) > _RECORD_BYTES_MAX:
            return
        self._forget(place)
        self._kept[place] = record
        self._bytes += len(record.body) + _OVERHEAD_BYTES
        while self._bytes > _BYTES_MAX:
            self._forget(next(iter(self._kept)))

    async def written(self, place: Place, write: Awaitable[bool], after: Record | None) -> bool:
        """Await a write; if it says True, the record is `after` then, or gone."""
        self._forget(place)
        self._under_way[place] = self._under_way.get(place, 0) + 1
        try:
            done = await write
        except Exception:
            self._ended(place)
            raise
        # Whoever was cancelled does not hear of the end: that write stays under way for ever.
        self._ended(place)
        if done and after is not None:
            self.keep(after)
        return done

    def _ended(self, place: Place) -> None:
        left = self._under_way.pop(place) - 1
        if left:
            self._under_way[place] = left

    def _forget(self, place: Place) -> None:
        record = self._kept.pop(place, None)
        if record is not None:
            self._bytes -= len(record.body) + _OVERHEAD_BYTES
