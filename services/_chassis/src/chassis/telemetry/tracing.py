"""Traces: a span around a piece of work, and the context that travels with messages and jobs.

A run is one trace: its id is derived from the run, so commands that a person gives days apart, and
what processes without exporters pass on, meet in it. Attributes come from a list; what an exception
says stays out. Spans are for messages, jobs and calls, never for lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.errors import Failure
from chassis.records import Message

ATTRIBUTES = frozenset(
    """
    service tenant connection group topic kind job run revision batch document vendor method path
    status attempts messages code
    """.split()
)
PREFIX = "chargeline."
HEADER = "traceparent"
_W3C = TraceContextTextMapPropagator()


@dataclass
class _Recording:
    """Where this process records its spans; None: nowhere."""

    tracer: Tracer | None = None


_recording = _Recording()
_derived: ContextVar[int | None] = ContextVar("derived_trace", default=None)


def record_with(tracer: Tracer | None) -> None:
    """From now on spans go there; None: nowhere, and only received contexts are passed on."""
    _recording.tracer = tracer


def run_trace(tenant: str, run: str) -> str:
    """What the trace of a run is about, for `span(trace_of=…)`."""
    return f"{tenant}/{run}"


def is_off(parent: str) -> bool:
    """Nothing is recorded here and there is nothing to pass on: a span would do nothing."""
    return _recording.tracer is None and not parent


def span(
    name: str, *, parent: str = "", trace_of: str = "", **attributes: str | int
) -> AbstractContextManager[None]:
    """A span under `parent`, a traceparent; else under the current span.

    Where there is neither, `trace_of` says what the trace is about: its id is derived from it.
    """
    unlisted = attributes.keys() - ATTRIBUTES
    assert not unlisted, f"not on the list of trace attributes: {sorted(unlisted)}"
    if is_off(parent):
        return nullcontext()
    tracer = _recording.tracer
    if tracer is None:
        return _passed_on(parent)
    return _recorded(tracer, name, parent, trace_of, attributes)


@contextmanager
def _recorded(
    tracer: Tracer, name: str, parent: str, trace_of: str, attributes: Mapping[str, str | int]
) -> Iterator[None]:
    found = _W3C.extract({HEADER: parent}) if parent else context.get_current()
    wanted = _derived.set(_trace_id(trace_of) if trace_of else None)
    try:
        current = tracer.start_span(
            name,
            found,
            kind=SpanKind.CLIENT if "vendor" in attributes else SpanKind.INTERNAL,
            attributes={PREFIX + key: value for key, value in attributes.items()},
        )
    finally:
        _derived.reset(wanted)
    with trace.use_span(
        current, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except Exception as error:
            _fail(current, error)
            raise


def told(**attributes: str | int) -> None:
    """Something that is known only now about the current span."""
    if _recording.tracer is not None:
        current = trace.get_current_span()
        for key, value in attributes.items():
            assert key in ATTRIBUTES, f"not on the list of trace attributes: {key}"
            current.set_attribute(PREFIX + key, value)


def traceparent() -> str:
    """The current context as W3C writes it; empty when there is none."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return ""
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"


def trace_id() -> str:
    """The current trace's id; empty when there is none."""
    current = trace.get_current_span().get_span_context()
    return f"{current.trace_id:032x}" if current.is_valid else ""


def carried(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages with the current context in their headers; one that has a context keeps it."""
    here = traceparent()
    if not here:
        return messages
    return tuple(
        m if HEADER in m.headers else replace(m, headers={**m.headers, HEADER: here})
        for m in messages
    )


def publishing(messages: Sequence[Message]) -> AbstractContextManager[Sequence[Message]]:
    """A span around a publish; what a dead process left behind goes on in its own trace."""
    messages = carried(messages)
    if _recording.tracer is None or not messages:
        return nullcontext(messages)
    return _publishing(messages)


@contextmanager
def _publishing(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    first = messages[0]
    alone = not trace.get_current_span().get_span_context().is_valid
    parent = first.headers.get(HEADER, "") if alone else ""
    with span("publish", parent=parent, topic=first.topic, messages=len(messages)):
        yield messages


def derived_trace() -> int | None:
    """The id that the trace which now begins must have: for the generator of ids."""
    return _derived.get()


@contextmanager
def _passed_on(parent: str) -> Iterator[None]:
    token = context.attach(_W3C.extract({HEADER: parent}))
    try:
        yield
    finally:
        context.detach(token)


def _trace_id(about: str) -> int:
    return int.from_bytes(hashlib.sha256(b"chargeline trace " + about.encode()).digest()[:16])


def _fail(current: Span, error: Exception) -> None:
    """The code alone: texts may hold anybody's data. What is no failure is an instruction."""
    if isinstance(error, Failure):
        current.set_attribute(f"{PREFIX}code", error.code)
        current.set_status(Status(StatusCode.ERROR))
