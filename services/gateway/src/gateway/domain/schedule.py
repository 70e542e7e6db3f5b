"""When a schedule is due, on the tenant's own clock: pure, in instants of UTC.

A clock that is put forward skips times that a schedule may name: such a run is due at the first
instant after. A clock that is put back shows times twice: such a run is due the first time alone.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from schemas.count_settings import Schedule

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_AHEAD = 63 * _DAY  # two months: every schedule is due within it


class Armed(BaseModel):
    """One source's schedule as it is kept. `through`: what was due until then is done.

    `since` is the first day of the month in which it was switched on: what a source has of earlier
    months is not billed because a schedule is on.
    """

    model_config = ConfigDict(frozen=True)

    schedule: Schedule
    timezone: str
    through: datetime
    since: date


class Due(BaseModel):
    """A run that is due; `missed` is how many before it nobody was there for."""

    model_config = ConfigDict(frozen=True)

    source: str
    at: datetime
    missed: int = 0


def due_between(
    schedule: Schedule, timezone: str, after: datetime, until: datetime
) -> list[datetime]:
    """Instants at which it is due, after `after` and up to `until`, in order; none when off."""
    if not schedule.enabled:
        return []
    zone = ZoneInfo(timezone)
    first, last = after.astimezone(zone).date() - _DAY, until.astimezone(zone).date()
    at = time.fromisoformat(schedule.at)
    found = {_instant(day, at, zone) for day in _days(schedule, first, last)}
    return sorted(instant for instant in found if after < instant <= until)


def next_due(schedule: Schedule, timezone: str, after: datetime) -> datetime | None:
    """The first instant after `after` at which it is due; None when it is switched off."""
    return next(iter(due_between(schedule, timezone, after, after + _AHEAD)), None)


def keep(
    armed: Mapping[str, Armed], schedules: Mapping[str, Schedule], timezone: str, now: datetime
) -> tuple[dict[str, Armed], list[Due]]:
    """What is kept from now on, and what is due now: the last of a source's missed runs alone.

    A schedule that has changed, or was switched on, counts from now.
    """
    kept: dict[str, Armed] = {}
    due: list[Due] = []
    for source, schedule in sorted(schedules.items()):
        before = armed.get(source)
        if before is None or (before.schedule, before.timezone) != (schedule, timezone):
            was_on = before is not None and before.schedule.enabled
            since = now.astimezone(ZoneInfo(timezone)).date().replace(day=1)
            kept[source] = Armed(
                schedule=schedule,
                timezone=timezone,
                through=now,
                since=before.since if before is not None and was_on else since,
            )
            continue
        instants = due_between(schedule, timezone, before.through, now)
        if instants:
            due.append(Due(source=source, at=instants[-1], missed=len(instants) - 1))
        through = max(before.through, now)
        kept[source] = before.model_copy(update={"through": through})
    return kept, due


def next_of(armed: Mapping[str, Armed]) -> datetime | None:
    """When the next of the kept schedules is due."""
    found = [next_due(a.schedule, a.timezone, a.through) for a in armed.values()]
    return min((instant for instant in found if instant is not None), default=None)


def _days(schedule: Schedule, first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        if schedule.every == "day":
            if day.day >= schedule.from_day:
                yield day
        elif day.day == min(schedule.day or 1, monthrange(day.year, day.month)[1]):
            yield day
        day += _DAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clock shows that time, or has passed it."""
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # The time is skipped: of the two readings of it, one lies before the jump and one after.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after, offset = first, first.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
