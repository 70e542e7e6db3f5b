"""One HaloPSA tenant: its tables, its numbering, its clock and its settings."""

import calendar
import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.core import Clock, Row, State

TABLES = (
    "clients",
    "sites",
    "items",
    "asset_groups",
    "tax",
    "currencies",
    "lookups",
    "suppliers",
    "contracts",
    "invoices",
    "recurring_invoices",
    "software_licences",
    "xero_details",
    "integration_errors",
    "agents",
)

SETTINGS = frozenset(
    {
        "rate_limit",  # {"calls": 300, "seconds": 300, "retry_after": 5}; the last one optional
        "date_filters_ignored",  # the tenant's version knows neither spelling of the window
        "paging_ignored",  # every page of every list holds every row
        "missing_scopes",  # not granted to any token, however loudly asked for
        "missing_rights",  # what the agent may not do, by the name of a route or scope
        "xero_after_reads",  # the push to Xero is seen after so many reads; -1: never
        "token_seconds",
        "calculated_quantities",  # false: the tenant option is off, lines keep their quantity
    }
)
"""Knobs of the sandbox, loaded in `control` or under `settings`, never served by the API."""

FIRST_RECURRING = 10  # id -10 is the one the screen calls 1


class Tenant:
    def __init__(self, state: State, clock: Clock) -> None:
        self.state, self.clock = state, clock

    def get(self, table: str, identity: Any) -> Row | None:
        number = as_number(identity)
        return None if number is None else self.state.get(table, str(int(number)))

    def put(self, table: str, row: Row) -> None:
        number = str(int(row["id"]))
        # A lookup's id is its own only within its kind.
        self.state.put(table, f"{row['lookupid']}:{number}" if table == "lookups" else number, row)

    def rows(self, table: str) -> list[Row]:
        return self.state.rows(table)

    def delete(self, table: str, identity: Any) -> bool:
        number = as_number(identity)
        return number is not None and self.state.delete(table, str(int(number)))

    def new_id(self, table: str) -> int:
        """Ids grow and are never used again; those of recurring invoices grow downwards."""
        if table == "recurring_invoices":
            return -self.state.next_number(table, FIRST_RECURRING)
        return self.state.next_number(table)

    def seen_id(self, table: str, identity: int) -> None:
        """A loaded id moves the numbering past it."""
        number = abs(int(identity))
        row = self.state.get("_numbers", table)
        if row is None or int(row["next"]) <= number:
            self.state.put("_numbers", table, {"next": number + 1})

    def now(self) -> str:
        """A moment of the sandbox's day, later than every one before it on that day."""
        ticks = self.state.next_number("ticks")
        start = datetime.combine(self.clock.today, datetime.min.time())
        moment = start + timedelta(milliseconds=10 * ticks)
        return moment.isoformat(timespec="milliseconds")

    def today(self) -> str:
        return midnight(self.clock.today)

    @property
    def control(self) -> Row:
        return self.state.get("control", "0") or {}

    @property
    def settings(self) -> Row:
        return self.state.get("_settings", "0") or {}

    def configure(self, control: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        knobs = {name: value for name, value in control.items() if name in SETTINGS} | dict(
            settings
        )
        unknown = sorted(knobs.keys() - SETTINGS)
        if unknown:
            raise ValueError(f"unknown settings {unknown}; known: {sorted(SETTINGS)}")
        own = {name: value for name, value in control.items() if name not in SETTINGS}
        if knobs:
            self.state.put("_settings", "0", self.settings | knobs)
        if own:
            self.state.put("control", "0", self.control | own)

    def log_change(self, invoice_id: int, what: str) -> None:
        number = self.state.next_number("changes")
        row = {"id": number, "invoice_id": invoice_id, "date": self.now(), "change": what}
        self.state.put("_changes", str(number), row)


def as_number(value: Any) -> float | None:
    """What a loosely typed vendor sees in 42, 42.0 and "42"; None for the rest."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def same(one: Any, other: Any) -> bool:
    """Equality of two ids however they are typed."""
    left, right = as_number(one), as_number(other)
    return left == right if left is not None and right is not None else str(one) == str(other)


def is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def day_of(text: Any) -> date | None:
    """The date in a vendor's text; None when it is empty, also written as 1900 or 1901."""
    if not isinstance(text, str):
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year >= 1970 else None


def months_later(day: date, months: int, anchor: int) -> date:
    """The day `anchor` of a later month, or that month's last day when it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(anchor, calendar.monthrange(year, month + 1)[1]))
