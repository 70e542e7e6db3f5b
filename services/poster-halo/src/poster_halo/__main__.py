"""`python -m poster_halo`: the service as a process of its own."""

from __future__ import annotations

from chassis.servers.process import Parts, main
from chassis.service import Service
from poster_halo import app
from vendors.connections import Connections


def build(parts: Parts) -> Service:
    """Over the tenants' own HaloPSA accounts."""
    opened = Connections(parts.vault, parts.http, parts.clock, parts.sandbox, budgets=parts.budgets)
    return app.build(
        records=parts.records,
        outbox=parts.outbox,
        jobs=parts.jobs,
        clock=parts.clock,
        open_halo=opened.open_halo,
    )


if __name__ == "__main__":
    main(build)
