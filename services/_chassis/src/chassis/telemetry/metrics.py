"""Numbers about the work, as declared here and explained in docs/metrics.md.

Neither tenant nor connection is a label: a platform has hundreds, and each would be a series of its
own in every metric. Which tenant it was, the log and the trace say. Money is for graphs: the
statement counts it, these floats do not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from opentelemetry.metrics import Meter

from chassis.errors import PermanentError, TransientError, UnknownOutcome

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1)


@dataclass(frozen=True)
class Declared:
    """One metric: a name of OpenTelemetry, and its labels."""

    name: str
    kind: Literal["counter", "up_down_counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    text: str
    buckets: tuple[float, ...] = _SECONDS


BUS_LAG = Declared(
    "chargeline.bus.lag", "gauge", "{message}", ("group", "topic"), "Messages not done yet."
)
HANDLER = Declared(
    "chargeline.handler.duration", "histogram", "s", ("group", "outcome"), "One delivery."
)
DELIVERY_WAITS = Declared(
    "chargeline.delivery.waits",
    "counter",
    "{wait}",
    ("group", "code"),
    "Deliveries that wait: store or bus is away.",
)
PARKED = Declared(
    "chargeline.parked", "counter", "{message}", ("group", "code"), "Messages that were parked."
)
PARKED_OPEN = Declared(
    "chargeline.parked.open",
    "gauge",
    "{message}",
    ("state",),
    "Messages that lie parked, or queue behind one that does.",
)
LINES = Declared(
    "chargeline.lines", "counter", "{line}", ("fact", "outcome"), "Lines by what became of them."
)
MONEY = Declared(
    "chargeline.money",
    "up_down_counter",
    "{unit}",
    ("fact", "outcome", "currency"),
    "Price by what became of it, in units of its currency; credits count down.",
)
RUNS = Declared(
    "chargeline.runs.ended", "counter", "{run}", ("verdict",), "Runs that have come to their end."
)
CALLS = Declared(
    "chargeline.vendor.calls",
    "counter",
    "{call}",
    ("vendor", "method", "status"),
    "Calls to vendors by their answer.",
)
CALL = Declared(
    "chargeline.vendor.call.duration", "histogram", "s", ("vendor", "method"), "One call."
)
VENDOR_WAITS = Declared(
    "chargeline.vendor.waits",
    "counter",
    "{wait}",
    ("vendor", "why"),
    "Answers that ask to come later.",
)
BUDGET_CALLS = Declared(
    "chargeline.budget.calls", "counter", "{call}", ("vendor",), "Calls taken from budgets."
)
BUDGET_USED = Declared(
    "chargeline.budget.used",
    "histogram",
    "1",
    ("vendor",),
    "Share of a connection's window that is booked, at each booking.",
    _SHARES,
)
BUDGET_REFUSED = Declared(
    "chargeline.budget.refused",
    "counter",
    "{wait}",
    ("vendor",),
    "Times that no call was left or the vendor wanted none.",
)
BUDGET_BLOCKED = Declared(
    "chargeline.budget.blocked",
    "counter",
    "s",
    ("vendor",),
    "Seconds for which vendors wanted no call.",
)
JOBS = Declared(
    "chargeline.jobs", "gauge", "{job}", ("state",), "Jobs that run or wait, and failed ones."
)
JOB = Declared(
    "chargeline.job.duration",
    "histogram",
    "s",
    ("kind", "outcome"),
    "A job up to its end, its next wait, or its failure.",
)
LEASES_LOST = Declared(
    "chargeline.leases.lost", "counter", "{lease}", (), "Leases that another process took over."
)
OUTBOX = Declared(
    "chargeline.outbox.backlog",
    "gauge",
    "{record}",
    (),
    "Records with messages that nobody has published in time.",
)
REQUESTS = Declared(
    "chargeline.rest.requests",
    "counter",
    "{request}",
    ("method", "route", "status"),
    "Requests to the gateway by their answer.",
)
REQUEST = Declared(
    "chargeline.rest.request.duration",
    "histogram",
    "s",
    ("method", "route"),
    "One request up to the first byte of its answer.",
)

DECLARED = (
    BUS_LAG, HANDLER, DELIVERY_WAITS, PARKED, PARKED_OPEN, LINES, MONEY, RUNS, CALLS, CALL,
    VENDOR_WAITS, BUDGET_CALLS, BUDGET_USED, BUDGET_REFUSED, BUDGET_BLOCKED, JOBS, JOB,
    LEASES_LOST, OUTBOX, REQUESTS, REQUEST,
)  # fmt: skip


@dataclass
class _Recording:
    """The instruments of this process by the metric's name; none: nobody asks for numbers."""

    instruments: dict[str, Any] = field(default_factory=dict)


_recording = _Recording()


def record_with(meter: Meter | None) -> None:
    """From now on numbers go there; None: nowhere."""
    _recording.instruments = {} if meter is None else {d.name: _made(meter, d) for d in DECLARED}


def add(metric: Declared, amount: int | float | Decimal = 1, **labels: str) -> None:
    """Count; of a histogram or gauge this is one value."""
    instrument = _recording.instruments.get(metric.name)
    if instrument is None:
        return
    assert labels.keys() == set(metric.labels), f"{metric.name} has labels {metric.labels}"
    number = float(amount) if isinstance(amount, Decimal) else amount
    match metric.kind:
        case "histogram":
            instrument.record(number, labels)
        case "gauge":
            instrument.set(number, labels)
        case "counter" | "up_down_counter":
            instrument.add(number, labels)


def timed(metric: Declared, **labels: str) -> AbstractContextManager[None]:
    """Record how long it took, and how it ended under the label `outcome` if there is one."""
    if metric.name not in _recording.instruments:
        return nullcontext()
    return _timed(metric, labels)


@contextmanager
def _timed(metric: Declared, labels: dict[str, str]) -> Iterator[None]:
    began, outcome = time.perf_counter(), "done"
    try:
        yield
    except Exception as error:
        outcome = _outcome(error)
        raise
    finally:
        if "outcome" in metric.labels:
            labels["outcome"] = outcome
        add(metric, time.perf_counter() - began, **labels)


_OUTCOMES = (
    (TransientError, "transient"),
    (UnknownOutcome, "unknown"),
    (PermanentError, "permanent"),
)


def _outcome(error: Exception) -> str:
    """The kind of failure, never what it says; instructions go by their name."""
    kinds = {"JobWaits": "waits", "JobStops": "stops", "LeaseLost": "lease-lost"}
    found = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), None)
    return found or kinds.get(type(error).__name__, "bug")


def _made(meter: Meter, d: Declared) -> Any:
    match d.kind:
        case "counter":
            return meter.create_counter(d.name, d.unit, d.text)
        case "up_down_counter":
            return meter.create_up_down_counter(d.name, d.unit, d.text)
        case "gauge":
            return meter.create_gauge(d.name, d.unit, d.text)
        case "histogram":
            return meter.create_histogram(
                d.name, d.unit, d.text, explicit_bucket_boundaries_advisory=d.buckets
            )
