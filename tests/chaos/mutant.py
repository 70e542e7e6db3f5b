"""A guard and the tree without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POSTER = "services/poster-halo/src/poster_halo"
INGEST = "services/ingest-pax8/src/ingest_pax8"
NORMALIZER = "services/normalizer/src/normalizer/domain"
CHASSIS = "services/_chassis/src/chassis"
LIFECYCLE = "services/lifecycle/src/lifecycle/domain"
HUNTRESS = "services/ingest-huntress/src/ingest_huntress"


@dataclass(frozen=True)
class Mutant:
    """`old` must stand exactly once in `file`; `seeds` are tried in order.

    `also` takes away what would stop the same thing a moment later, in the same file. With `test`,
    a test of that name has to fail, and no history is played.
    """

    guard: str
    file: str
    old: str
    new: str
    kind: str = ""
    seeds: Sequence[int] = ()
    also: tuple[str, str] | None = None
    test: str = ""
