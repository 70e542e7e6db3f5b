"""What a process tells, kept in memory: spans by name, and numbers by metric and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from chassis.telemetry import metrics, tracing
from chassis.telemetry.span_lines import DerivedIds


@dataclass(frozen=True)
class Spans:
    """In the order in which they ended."""

    kept: InMemorySpanExporter

    def every(self) -> tuple[ReadableSpan, ...]:
        return self.kept.get_finished_spans()

    def named(self, name: str, **attributes: str | int) -> ReadableSpan:
        """The only one of that name with these attributes."""
        wanted = {f"{tracing.PREFIX}{key}": value for key, value in attributes.items()}
        found = [s for s in self.every() if s.name == name and wanted.items() <= told(s).items()]
        assert len(found) == 1, f"{name} {attributes}: {[(s.name, told(s)) for s in self.every()]}"
        return found[0]

    def traces(self) -> set[int]:
        return {place(span)[0] for span in self.every()}


@contextmanager
def recorded() -> Iterator[Spans]:
    """Spans of this process are kept meanwhile."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource.create({"service.name": "tests", "service.instance.id": "1"}),
        id_generator=DerivedIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.record_with(provider.get_tracer("tests"))
    try:
        yield Spans(kept)
    finally:
        tracing.record_with(None)
        provider.shutdown()


@dataclass(frozen=True)
class Numbers:
    """As Prometheus reads them."""

    registry: CollectorRegistry

    def value(self, name: str, **labels: str) -> float | None:
        found: float | None = self.registry.get_sample_value(name, labels)
        return found


@contextmanager
def counted() -> Iterator[Numbers]:
    """Numbers of this process are kept meanwhile."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(True, registry=registry, scope_info_enabled=False)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.record_with(provider.get_meter("tests"))
    try:
        yield Numbers(registry)
    finally:
        metrics.record_with(None)
        provider.shutdown()


def told(span: ReadableSpan) -> Mapping[str, object]:
    return span.attributes or {}


def place(span: ReadableSpan) -> tuple[int, int]:
    """Trace and span."""
    found = span.get_span_context()
    assert found is not None
    return found.trace_id, found.span_id


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None
