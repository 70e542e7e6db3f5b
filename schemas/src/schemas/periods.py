"""Periods are `[start, end)`: a date is not an instant, and an end is exclusive (R22)."""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict


class Period(BaseModel):
    """Days from `start` up to and without `end`."""

    model_config = ConfigDict(frozen=True)

    start: date
    end: date

    def overlaps(self, other: Period) -> bool:
        """True when they share a day."""
        return self.start < other.end and other.start < self.end


def exclusive_end(start: date, end: date) -> date:
    """The vendor's end date made exclusive, whatever form it used.

    Pax8 writes Apr 1..May 1 on invoices and Feb 1..Feb 28 on drafts: an end on the same day of the
    month as the start is already exclusive, anything else is the last day.
    """
    if end <= start:
        return start + timedelta(days=1)
    return end if end.day == start.day else end + timedelta(days=1)


def month_of(day: date) -> str:
    """The period of a document dated on that day, e.g. `2026-10`."""
    return f"{day.year:04d}-{day.month:02d}"
