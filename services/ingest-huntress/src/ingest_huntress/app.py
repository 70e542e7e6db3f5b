"""The only wiring of ingest-huntress."""

from __future__ import annotations

from chassis.service import Service


def build() -> Service:
    """No route yet."""
    return Service(name="ingest-huntress", routes=())
