"""Traces: a span around a piece of work; without an exporter set up it costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

_ATTRIBUTES = frozenset({"tenant", "connection", "topic", "kind", "job", "run", "vendor", "path"})


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """A span with attributes from a list; what an exception says stays out of it."""
    unlisted = attributes.keys() - _ATTRIBUTES
    assert not unlisted, f"not on the list of trace attributes: {sorted(unlisted)}"
    tracer = trace.get_tracer("chargeline")
    with tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as current:
        for key, value in attributes.items():
            current.set_attribute(f"chargeline.{key}", value)
        yield
