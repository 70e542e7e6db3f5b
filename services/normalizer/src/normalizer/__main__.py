"""`python -m normalizer`: the service as a process of its own."""

from __future__ import annotations

from chassis.servers.process import Parts, main
from chassis.service import Service
from normalizer import app


def build(parts: Parts) -> Service:
    """It keeps nothing, so records and outbox are all it needs."""
    return app.build(records=parts.records, outbox=parts.outbox)


if __name__ == "__main__":
    main(build)
