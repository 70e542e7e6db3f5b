"""A month billed by counts: which days it takes, and the units that each of them says.

A document of this source is a month, `2026-10`. Days are the tenant's.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ingest_huntress.domain.counting import UNKNOWN
from ingest_huntress.domain.guards import Baseline
from schemas.count_settings import CountSettings
from schemas.counts import DETAIL_NOT_READ, NAME_DOUBLED, Count
from schemas.periods import Period

NOT_READ_SINGLY = "count-detail-missing"


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of one product of one organisation that a month bills; `code` holds them."""

    organization: str
    name: str
    product: str
    day: date
    units: int
    code: str | None = None
    doubled: bool = False  # another organisation has its name


def month_of(document: str) -> Period | None:
    """The days of the month; None: this is no month."""
    try:
        first = date.fromisoformat(f"{document}-01")
    except ValueError:
        return None
    if document != f"{first:%Y-%m}":
        return None
    return Period(start=first, end=first + timedelta(days=monthrange(first.year, first.month)[1]))


def days_to_bill(month: Period, rule: CountSettings) -> list[date]:
    """The days whose counts are looked at; 31 means a short month's last day."""
    last = month.end - timedelta(days=1)
    if rule.count_rule == "maximum":
        return [month.start + timedelta(days=n) for n in range(last.day)]
    day = rule.billing_day if rule.count_rule == "billing day" else rule.cut_off_day
    assert day is not None, "settings with this rule name the day"
    return [last.replace(day=min(day, last.day))]


def taken_from(days: Mapping[date, Sequence[Count]], baseline: Baseline) -> list[Taken]:
    """The largest count of the days; of equals one that waits for nobody, then the earliest."""
    best: dict[tuple[str, str], Taken] = {}
    for day in sorted(days):
        for row in days[day]:
            found = _taken(row, day, baseline)
            there = best.get((row.organization, row.product))
            if there is None or _rank(found) > _rank(there):
                best[row.organization, row.product] = found
    return [one for one in best.values() if one.units or one.code is not None]


def _rank(one: Taken) -> tuple[int, bool]:
    return one.units, one.code is None


def _taken(row: Count, day: date, baseline: Baseline) -> Taken:
    code = row.code
    if code is not None and _was_accepted(row, baseline):
        code = None
    # What waits is shown with the larger of both quantities: nobody decided for the smaller one.
    units = row.count if code is None else max(row.count, row.before or 0)
    if code is None and DETAIL_NOT_READ in row.warnings:
        code = NOT_READ_SINGLY
    doubled = NAME_DOUBLED in row.warnings
    return Taken(row.organization, row.organization_name, row.product, day, units, code, doubled)


def _was_accepted(row: Count, baseline: Baseline) -> bool:
    """Whether that very value was let through since; one that is not known repeats the last."""
    through = baseline.through.get(row.organization, {}).get(row.product)
    if through is None:
        return False
    return row.count in through.accepted or (row.code != UNKNOWN and through.count == row.count)
