"""Credited and replaced documents (R14): which document waits, which one is superseded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest_pax8.domain.document import CREDITED, VOID, Document

Decision = Literal["replacement", "separate"]


@dataclass(frozen=True, slots=True)
class Place:
    """What its chain means for one document."""

    hold: str | None = None
    exclude: str | None = None
    replaces: tuple[str, ...] = ()


def place_in(
    document: Document, chain: str, members: Sequence[Document], decisions: Mapping[str, Decision]
) -> Place:
    """`members` are all documents of the chain; a Void one never counts."""
    alive = sorted(
        (other for other in members if other.status.lower() != VOID),
        key=lambda other: (other.status.lower() != CREDITED, other.seen, other.document),
    )
    alone = len(alive) < 2 and not any(other.status.lower() == CREDITED for other in alive)
    if document.status.lower() == VOID or alone:
        return Place()
    said = decisions.get(chain) or next(
        (decisions[other.document] for other in alive if other.document in decisions), None
    )
    if said == "separate":
        return Place()
    if said is None:
        return Place(hold="replacement")
    newest = alive[-1]
    if document.document != newest.document or newest.status.lower() == CREDITED:
        return Place(exclude="superseded")
    return Place(replaces=tuple(other.document for other in alive[:-1]))
