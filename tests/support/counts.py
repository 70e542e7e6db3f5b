"""Builders of organisations and counts; a test names only what it is about."""

from __future__ import annotations

from typing import Any

from ingest_huntress.domain.counting import Organization
from schemas.counts import Count
from schemas.settings import Settings

LISTED: dict[str, int | None] = {"edr": 0, "itdr": 0, "sat": 0, "siem": 0}


def organization(number: int = 700101, name: str = "", **changes: Any) -> Organization:
    """Read in detail; counters of the list that are not named are 0."""
    given: dict[str, Any] = {"detail": "read", "listed": {}} | changes
    listed = LISTED | given["listed"]
    named = name or f"Organization {number}"
    return Organization(**given | {"id": str(number), "name": named, "listed": listed})


def count(product: str = "edr", units: int = 19, **changes: Any) -> Count:
    given = {"organization": "700101", "organization_name": "Larkfield Dental"}
    return Count.model_validate(given | {"product": product, "count": units} | changes)


def counting_settings(*clients: dict[str, Any], **changes: Any) -> Settings:
    """Organisations mapped to clients: `{"company": "700101", "halo": 42}` …"""
    rows = [{"source": "huntress"} | client for client in clients]
    return Settings.model_validate({"client": rows} | changes)


def short(rows: list[Count] | tuple[Count, ...]) -> list[tuple[str, int, str | None]]:
    """Product, units and what holds it."""
    return [(row.product, row.count, row.code) for row in rows]
