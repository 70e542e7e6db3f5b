"""The desired lines of batches that were planned, kept until they are applied, within a limit.

A plan is computed twice, when it is shown and when it is applied, from the same bytes and the same
items. What is kept is found by exactly those, so it can never be another plan's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from poster_halo.domain.amounts import Precision
from poster_halo.domain.desired import Desired, Item, decided_rows, desired_lines

KEPT_LINES_MAX = 20_000


class Wanted:
    """`desired_lines` with a memory. Nobody alters what it returns: the next asker sees it too."""

    def __init__(self, kept_lines_max: int = KEPT_LINES_MAX) -> None:
        self._max = kept_lines_max
        self._count = 0
        self._kept: dict[tuple[object, ...], list[Desired]] = {}

    def lines(
        self, body: bytes, items: Mapping[str, Item], to: Precision, selection: Collection[str]
    ) -> list[Desired]:
        """What the batch wants to stand."""
        key = (
            hashlib.sha256(body).digest(),
            tuple(sorted(items.items())),
            to,
            tuple(sorted(selection)),
        )
        kept = self._kept.get(key)
        if kept is None:
            kept = desired_lines(decided_rows(body), items, to, selection)
            self._keep(key, kept)
        return kept

    def forget(self) -> None:
        """Other plans are made now."""
        self._kept, self._count = {}, 0

    def _keep(self, key: tuple[object, ...], lines: list[Desired]) -> None:
        """The first stay: they are applied in the order of their plans, so the oldest come next."""
        if self._count + len(lines) <= self._max:
            self._kept[key] = lines
            self._count += len(lines)
