"""The desired lines of batches that were planned, kept until they are applied, within a limit.

A plan is computed twice, when it is shown and when it is applied, from the same bytes and the same
items. What is kept is found by exactly those, so it can never be another plan's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from poster_halo.domain.amounts import Precision
from poster_halo.domain.desired import Desired, Met, decided_lines, desired_lines
from poster_halo.domain.sold import Item

KEPT_MAX_BYTES = 16 * 1024 * 1024  # some 40,000 lines of products that many customers buy
LINE_BYTES = 400  # as measured, with its id and slot
SOLD_BYTES = 2_600  # with all that is spelled of it
SOLD_MAX = 5_000


class Asked(NamedTuple):
    """All that desired lines depend on; `digest` is that of the decided lines' bytes."""

    digest: str
    items: tuple[tuple[str, Item], ...]
    to: Precision
    selection: tuple[str, ...]

    @classmethod
    def of(
        cls, digest: str, items: Mapping[str, Item], to: Precision, selection: Collection[str]
    ) -> Asked:
        """The same whatever order they come in."""
        return cls(digest, tuple(sorted(items.items())), to, tuple(sorted(selection)))


class Wanted:
    """`desired_lines` with a memory. Nobody alters what it returns: the next asker sees it too."""

    def __init__(self, kept_max_bytes: int = KEPT_MAX_BYTES) -> None:
        self._max_bytes = kept_max_bytes
        self._bytes = 0
        self._kept: dict[Asked, list[Desired]] = {}
        self._met: dict[Precision, Met] = {}

    def kept(self, asked: Asked) -> list[Desired] | None:
        """What the batch wants to stand, if it is still known."""
        return self._kept.get(asked)

    def lines(self, asked: Asked, body: bytes) -> list[Desired]:
        """The same from the bytes that `asked` names."""
        met = self._met.setdefault(asked.to, {})
        rows = decided_lines(body)
        lines = desired_lines(rows, dict(asked.items), asked.to, asked.selection, met)
        if len(met) > SOLD_MAX:
            met.clear()
        self._keep(asked, lines)
        return lines

    def forget(self) -> None:
        """Other plans are made now."""
        self._kept, self._bytes, self._met = {}, 0, {}

    def _keep(self, asked: Asked, lines: list[Desired]) -> None:
        """The first stay: they are applied in the order of their plans, so the oldest come next."""
        size = LINE_BYTES * len(lines) + SOLD_BYTES * len({line.sold for line in lines})
        if self._bytes + size <= self._max_bytes:
            self._kept[asked] = lines
            self._bytes += size
