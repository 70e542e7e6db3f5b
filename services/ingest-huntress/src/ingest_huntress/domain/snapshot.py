"""The snapshot of one day: every organisation's rows, judged, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from ingest_huntress.domain.counting import (
    Organization,
    counts_of,
    vanished,
    with_doubled_names,
)
from ingest_huntress.domain.guards import Baseline, judged, moved
from schemas.count_settings import CountSettings
from schemas.counts import AcceptedCount, Count
from schemas.settings import Settings

SOURCE = "huntress"
SNAPSHOTS = "snapshots"  # the collection: days, their answers, and what is compared with
BASELINE_KEY = f"{SOURCE}/baseline"


class Day(BaseModel):
    """The counts of one day as they stand in the store."""

    day: str
    mode: str
    at: str  # ISO 8601: when the reading was whole
    organizations: int
    rows: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows by organisation and product, and what tomorrow's are compared with."""

    rows: tuple[Count, ...]
    baseline: Baseline

    @property
    def held(self) -> int:
        return sum(row.code is not None for row in self.rows)


def billed_organizations(settings: Settings) -> frozenset[str]:
    """Those mapped to a client and not excluded: what is read one by one."""
    own = settings.own_companies("huntress") if settings.exclusions.own_company else ()
    return frozenset(
        row.company
        for row in settings.client
        if row.source == "huntress"
        and row.halo is not None
        and not row.exclude
        and row.company not in own
    )


def taken(
    organizations: Sequence[Organization],
    before: Baseline,
    billed: frozenset[str],
    limits: CountSettings,
    words: Sequence[AcceptedCount],
) -> Snapshot:
    """The whole snapshot. Only `billed` organisations have a past that theirs is compared with."""
    rows: list[Count] = []
    for one in organizations:
        rows += counts_of(one, before.before(one.id) if one.id in billed else {})
    there = {one.id for one in organizations}
    for number in sorted((before.through.keys() & billed) - there, key=by_number):
        rows += vanished(number, before.names.get(number, ""), before.before(number))
    found = with_doubled_names(judged(rows, limits, before, words), organizations)
    found.sort(key=lambda row: by_number(row.organization))
    through = moved(before, found, words, billed)
    known = before.names | {one.id: one.name for one in organizations}
    baseline = Baseline(
        seen=len(organizations),
        names={number: known[number] for number in through if number in known},
        through=through,
    )
    return Snapshot(tuple(found), baseline)


def by_number(organization: str) -> tuple[int, str]:
    """Ids are numbers: 9 comes before 10."""
    return len(organization), organization


def day_key(day: str) -> str:
    """Days sort as they follow one another."""
    return f"{SOURCE}/{day}"
