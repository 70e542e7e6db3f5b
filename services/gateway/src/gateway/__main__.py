"""`python -m gateway`: the service as a process of its own, and the numbers of the store."""

from __future__ import annotations

from chassis.servers.process import Parts, main
from chassis.service import Service
from gateway import app


def build(parts: Parts) -> Service:
    """Its handlers and the schedules; what people call is the command line's so far."""
    built = app.build(
        records=parts.records, outbox=parts.outbox, jobs=parts.jobs, keeps_schedules=True
    )
    return built.service


if __name__ == "__main__":
    main(build, watches_store=True)
