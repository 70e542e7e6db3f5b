"""Traces as the processes wrote them: spans read from a folder, put together, narrowed to a batch.

A span says its service: by its consumer group, by its process, or, where all services are one
process, by the span it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

EMBEDDED = "chargeline"  # a process that is no service by itself
# The way of a posted charge: what is done, on what, and by whom. The last step that is there shows
# how far a charge has come; those before it were taken by somebody, too.
WAY = (
    ("command", "", "gateway"),
    ("job", "IngestDocument", "ingest"),
    ("handle", "ChargesReceived", "normalizer"),
    ("handle", "ChargesNormalized", "lifecycle"),
    ("handle", "ChargesResolved", "poster"),
    ("handle", "PostingPlanned", "gateway"),
    ("job", "ApplyRun", "poster"),
    ("handle", "PostingDone", "gateway"),
)


@dataclass(eq=False)
class Span:
    """One span and what lies under it, in order."""

    id: str
    parent: str | None
    trace: str
    name: str
    process: str
    replica: str
    began_ns: int
    ended_ns: int
    failed: bool
    attributes: Mapping[str, Any]
    service: str = ""
    stands_by: bool = False  # of another batch, in the view of one: it carried the run on
    children: list[Span] = field(default_factory=list)

    @property
    def batch(self) -> str | None:
        return self.attributes.get("batch")

    def every(self) -> Iterator[Span]:
        """This one and all under it."""
        yield self
        for child in self.children:
            yield from child.every()

    def label(self) -> str:
        """What was done, so that the same done twice is called the same."""
        a = self.attributes
        if "vendor" in a:
            return f"{a.get('method', '')} {a.get('path', '')} {a.get('status') or 'no answer'}"
        verb = "on" if self.name == "handle" else self.name
        other = " of another batch" if self.stands_by else ""
        return f"{verb} {a.get('kind', a.get('topic', ''))}{other}"


@dataclass(frozen=True)
class Trace:
    """The spans of one trace that nothing lies above."""

    id: str
    roots: tuple[Span, ...]

    def every(self) -> Iterator[Span]:
        """All of them."""
        for root in self.roots:
            yield from root.every()

    @property
    def began_ns(self) -> int:
        return min(span.began_ns for span in self.every())

    @property
    def ended_ns(self) -> int:
        return max(span.ended_ns for span in self.every())

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({span.service for span in self.every()} - {EMBEDDED}))

    @property
    def missing(self) -> tuple[str, ...]:
        """Services without a span on a way that leads further; none of them wrote where we read."""
        taken = [any(_takes(span, *step) for span in self.every()) for step in WAY]
        reached = max((n for n, there in enumerate(taken, 1) if there), default=0)
        steps = zip(WAY[:reached], taken, strict=False)
        return tuple(dict.fromkeys(service for (*_, service), there in steps if not there))


def read_traces(folder: Path) -> tuple[list[Trace], int]:
    """Every trace in the folder, oldest first; and lines that a killed process left unfinished."""
    spans: list[Span] = []
    unread = 0
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            try:
                spans.append(_span(json.loads(line)))
            except (ValueError, KeyError):
                unread += 1
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace, []).append(span)
    traces = [Trace(id_, tuple(_linked(some))) for id_, some in by_trace.items()]
    return sorted(traces, key=lambda trace: trace.began_ns), unread


def about(traces: Iterable[Trace], what: str) -> list[Trace]:
    """The traces that touched the run or batch; of a batch, what was done for it."""
    found: list[Trace] = []
    for trace in traces:
        seen = {span.attributes.get(name) for span in trace.every() for name in ("run", "batch")}
        if what not in seen:
            continue
        if any(span.batch == what for span in trace.every()):
            kept = (_narrowed(root, what, inside=True) for root in trace.roots)
            found.append(Trace(trace.id, tuple(root for root in kept if root is not None)))
        else:
            found.append(trace)
    return found


def _narrowed(span: Span, batch: str, *, inside: bool) -> Span | None:
    """Without what was done for other batches alone.

    The last batch that a run waits for carries it on: a span of another batch stays if ours is
    under it.
    """
    ours = any(one.batch == batch for one in span.every())
    if span.batch is not None:
        inside = span.batch == batch
    elif span.name == "job":  # works for many batches: its calls are for ours as well
        inside = inside or ours
    kept = [c for child in span.children if (c := _narrowed(child, batch, inside=inside))]
    if not inside and not ours:
        return None
    return replace(span, children=kept, stands_by=span.batch not in (None, batch))


def _linked(spans: list[Span]) -> Iterator[Span]:
    """The roots, everything else under its parent; whose parent was lost is a root, too."""
    by_id = {span.id: span for span in spans}
    roots: list[Span] = []
    for span in sorted(spans, key=lambda span: span.began_ns):
        above = by_id.get(span.parent or "")
        (roots if above is None else above.children).append(span)
    for root in roots:
        _name(root, EMBEDDED)
        yield root


def _name(span: Span, above: str) -> None:
    group = str(span.attributes.get("group", ""))
    own = group.partition(".")[0] or (span.process if span.process != EMBEDDED else "")
    span.service = own or ("gateway" if span.name == "command" else above)
    for child in span.children:
        _name(child, span.service)


def _takes(span: Span, name: str, kind: str, service: str) -> bool:
    """Sources and destinations have a service each: `ingest-pax8` is an `ingest`."""
    same = span.name == name and span.attributes.get("kind", "").startswith(kind)
    return same and (span.service == service or span.service.startswith(f"{service}-"))


def _span(row: dict[str, Any]) -> Span:
    return Span(
        id=row["span"],
        parent=row["parent"],
        trace=row["trace"],
        name=row["name"],
        process=row["service"],
        replica=row["replica"],
        began_ns=row["began_ns"],
        ended_ns=row["ended_ns"],
        failed=row["failed"],
        attributes=row["attributes"],
    )
