"""Where spans and numbers go, by the environment; the SDK is imported only if they go somewhere.

OTEL_EXPORTER_OTLP_ENDPOINT    spans to a collector, over OTLP/HTTP
CHARGELINE_TRACE_FILE          spans as lines of JSON into that folder, a file a process
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chassis.telemetry import metrics, tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from prometheus_client import CollectorRegistry

COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"
FOLDER = "CHARGELINE_TRACE_FILE"
_TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"
_COLLECTOR_S = 3.0  # a collector that is away does not keep a process from ending


@contextmanager
def traced(service: str, replica: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Spans of this process go where the environment says, as long as this lasts."""
    if not environ.get(FOLDER) and not environ.get(COLLECTOR):
        yield
        return
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - only who exports pays

    from chassis.telemetry.span_lines import DerivedIds  # noqa: PLC0415

    provider = TracerProvider(
        resource=_resource(service, replica), id_generator=DerivedIds(), shutdown_on_exit=False
    )
    for processor in _processors(environ, service, replica):
        provider.add_span_processor(processor)
    tracing.record_with(provider.get_tracer("chargeline"))
    try:
        yield
    finally:
        tracing.record_with(None)
        provider.shutdown()


@contextmanager
def measured(service: str, replica: str) -> Iterator[CollectorRegistry]:
    """Numbers of this process are in that registry, for Prometheus to fetch."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, scope_info_enabled=False)
    provider = MeterProvider([reader], _resource(service, replica), shutdown_on_exit=False)
    metrics.record_with(provider.get_meter("chargeline"))
    try:
        yield registry
    finally:
        metrics.record_with(None)
        provider.shutdown()


def _processors(environ: Mapping[str, str], service: str, replica: str) -> Iterator[SpanProcessor]:
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SimpleSpanProcessor,
    )

    from chassis.telemetry.span_lines import SpanLines  # noqa: PLC0415

    if folder := environ.get(FOLDER):
        name = f"{service}-{replica}-{os.getpid()}.jsonl".replace("/", "_")
        yield SimpleSpanProcessor(SpanLines(Path(folder) / name))
    if environ.get(COLLECTOR):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )

        patience_s = None if _TIMEOUT in environ else _COLLECTOR_S  # None: as that says
        yield BatchSpanProcessor(OTLPSpanExporter(timeout=patience_s))


def _resource(service: str, replica: str) -> Resource:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    return Resource.create({"service.name": service, "service.instance.id": replica})
