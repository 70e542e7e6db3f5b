"""`chargeline trace`: one charge's way through all services, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargeline.desks import looking
from chargeline.report import DONE, FAILED
from chargeline.session import Where
from chargeline.shown import err, out, safe
from chargeline.traces import Span, Trace, about, read_traces
from chassis.errors import PermanentError

_NS_IN_MS = 1_000_000
_HEADING = f"{'at ms':>9}{'took ms':>11}"


@dataclass
class Row:
    """Spans beside one another that did the same, and what lies under them."""

    service: str
    label: str
    spans: list[Span] = field(default_factory=list)

    @property
    def children(self) -> list[Row]:
        return rows(child for span in self.spans for child in span.children)


async def show_trace(
    where: Where, folder: Path, what: str | None, *, as_json: bool
) -> tuple[int, dict[str, Any] | None]:
    """The traces of a run, a batch, or a line's batch; without a name, the last one."""
    if what is not None and what.startswith("line_"):
        what = await _batch_of(where, what)
    traces, unread = read_traces(folder)
    found = traces[-1:] if what is None else about(traces, what)
    if not found:
        text = f"{folder} has no trace{f' of {what}' if what else ''}"
        raise PermanentError("trace-unknown", text)
    if unread:
        err.print(f"{unread} spans were cut short by a process that died")
    code = FAILED if any(trace.missing for trace in found) else DONE
    if as_json:
        told = [_told(trace) for trace in found]
        return code, {"schema": "chargeline.trace.v1", "traces": told, "unread": unread}
    for trace in found:
        _show(trace)
    if code != DONE:
        lacking = ", ".join(dict.fromkeys(one for trace in found for one in trace.missing))
        text = f"the way leads on, and {folder} has no step of: {lacking}"
        raise PermanentError("trace-incomplete", text)
    return code, None


def rows(spans: Iterable[Span]) -> list[Row]:
    """The same done several times is one row."""
    found: dict[tuple[str, str], Row] = {}
    for span in spans:
        key = (span.service, span.label())
        found.setdefault(key, Row(*key)).spans.append(span)
    return list(found.values())


def _show(trace: Trace) -> None:
    took = f"{_ms(trace.ended_ns - trace.began_ns):,.0f} ms"
    out.print(f"[bold]trace {trace.id}[/]  {took}", soft_wrap=True)
    out.print(" · ".join(trace.services), soft_wrap=True)
    out.print(f"[dim]{_HEADING}[/]")
    _show_rows(rows(trace.roots), trace.began_ns, "")
    if any(span.stands_by for span in trace.every()):
        out.print("[dim]of another batch: the last one that the run waited for carries it on[/]")


def _show_rows(under: Sequence[Row], began_ns: int, guide: str) -> None:
    """A line a row. The way is more than twenty steps deep: each goes in by one column."""
    for row in under:
        first = min(span.began_ns for span in row.spans)
        took = sum(span.ended_ns - span.began_ns for span in row.spans)
        times = f" ×{len(row.spans)}" if len(row.spans) > 1 else ""
        failed = sum(span.failed for span in row.spans)
        trouble = f"  [red]{failed} failed[/]" if failed else ""
        when = f"[dim]{f'+{_ms(first - began_ns):,.0f}':>9}{_ms(took):>11,.1f}[/]"
        told = f"[cyan]{safe(row.service)}[/] {safe(row.label)}{times}{trouble}"
        last = row is under[-1]
        out.print(f"{when}  {guide}{'└' if last else '├'} {told}", soft_wrap=True)
        _show_rows(row.children, began_ns, guide + (" " if last else "│"))


def _told(trace: Trace) -> dict[str, Any]:
    return {
        "trace": trace.id,
        "services": list(trace.services),
        "missing": list(trace.missing),
        "duration_ms": round(_ms(trace.ended_ns - trace.began_ns), 3),
        "spans": [
            {
                "span": span.id,
                "parent": span.parent,
                "service": span.service,
                "replica": span.replica,
                "name": span.label(),
                "offset_ms": round(_ms(span.began_ns - trace.began_ns), 3),
                "duration_ms": round(_ms(span.ended_ns - span.began_ns), 3),
                "failed": span.failed,
                "attributes": dict(span.attributes),
            }
            for span in trace.every()
        ],
    }


async def _batch_of(where: Where, line: str) -> str:
    """The batch that the line is in, as `explain` finds it."""
    async with looking(where) as desk:
        found = await desk.explain(line, None)
    if not found.batch:
        raise PermanentError("trace-unknown", f"line {line} is in no batch: {found.text}")
    return found.batch


def _ms(ns: int) -> float:
    return ns / _NS_IN_MS
