"""Ids of traces, and spans as lines of JSON: what is ours of OpenTelemetry's SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import StatusCode

from chassis.telemetry import tracing


class DerivedIds(RandomIdGenerator):
    """A trace that is about something has the id derived from it; others have a random one."""

    def generate_trace_id(self) -> int:
        return tracing.derived_trace() or super().generate_trace_id()


class SpanLines(SpanExporter):
    """One line a span, whole when the span ends: what a killed process has done is there."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._out = file.open("ab", buffering=0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._out.write(b"".join(_line(span) for span in spans))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._out.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's
        return True


def _line(span: ReadableSpan) -> bytes:
    where, resource = span.get_span_context(), span.resource.attributes
    assert where is not None, "an ended span is somewhere"
    row = {
        "trace": f"{where.trace_id:032x}",
        "span": f"{where.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "service": resource["service.name"],
        "replica": resource["service.instance.id"],
        "began_ns": span.start_time,
        "ended_ns": span.end_time,
        "failed": span.status.status_code is StatusCode.ERROR,
        "attributes": {
            key.removeprefix(tracing.PREFIX): value
            for key, value in (span.attributes or {}).items()
        },
    }
    return json.dumps(row).encode() + b"\n"
