"""`python -m ingest_huntress`: the service as a process of its own."""

from __future__ import annotations

from chassis.servers.process import Parts, main
from chassis.service import Service
from ingest_huntress import app
from vendors.connections import Connections


def build(parts: Parts) -> Service:
    """Over the tenants' own Huntress accounts."""
    opened = Connections(parts.vault, parts.http, parts.clock, parts.sandbox, budgets=parts.budgets)
    return app.build(
        records=parts.records,
        outbox=parts.outbox,
        jobs=parts.jobs,
        clock=parts.clock,
        open_huntress=opened.open_huntress,
    )


if __name__ == "__main__":
    main(build)
