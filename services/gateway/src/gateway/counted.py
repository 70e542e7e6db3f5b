"""Lines and money as numbers for graphs, once a fact has filled its slot; no accounts."""

from __future__ import annotations

from collections.abc import Iterator

from chassis.telemetry import metrics
from schemas.messages import BatchHead, ChargesHeld, ChargesNormalized
from schemas.statement import Entry, Statement


def count_money(fact: BatchHead) -> None:
    """What the fact says became of its lines, by outcome."""
    for entry in _entries(fact):
        told = {"fact": type(fact).__name__, "outcome": entry.outcome}
        metrics.add(metrics.LINES, entry.lines, **told)
        metrics.add(metrics.MONEY, entry.price, currency=fact.currency, **told)


def count_end(statement: Statement) -> None:
    """A run ended: everything explained, something not, or not everything known."""
    open_ = [s.price.unexplained for s in statement.currencies.values()]
    if not statement.complete or None in open_:
        verdict = "incomplete"
    else:
        verdict = "unexplained" if any(open_) else "proved"
    metrics.add(metrics.RUNS, verdict=verdict)


def _entries(fact: BatchHead) -> Iterator[Entry]:
    yield from getattr(fact, "money", ())
    if isinstance(fact, ChargesHeld):
        yield Entry(outcome="held", lines=fact.held_lines, price=fact.held_price)
    if isinstance(fact, ChargesNormalized):
        yield Entry(outcome="pending", lines=fact.kept_lines, price=fact.kept_price)
