"""The statement of a run: the penny identity of its document, from the slots alone (R2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from gateway.domain.projection import Projection, ended, entries_of
from gateway.domain.run import Progress, ReceivedSum, Run
from gateway.domain.standing import standing
from schemas.money import ZERO
from schemas.statement import (
    OUTCOMES,
    CurrencyStatement,
    Difference,
    Entry,
    Side,
    Statement,
    less,
    merge,
)

_UNREAD = ("document-incomplete", "document-unreadable", "raw-altered")


def statement(
    run: Run, projections: Iterable[Projection], others: Iterable[Projection] = ()
) -> Statement:
    """Where every cent went. `unexplained` stays null until every promised batch reached an end.

    `received` comes from the stored vendor bytes, `posted` from the destination's read-back; the
    difference between them is computed here and nowhere else. `others` are those of the document's
    other runs: a document that is held whole still has posted what they have.
    """
    projections = list(projections)
    current = sorted(
        (
            p
            for p in projections
            if p.at(run.revision, "normalized") or p.at(run.revision, "parked")
        ),
        key=lambda p: p.batch,
    )
    if run.problem is not None:
        return _problem_statement(run, _last_pass((*projections, *others)))
    complete = run.batches is not None and len(current) >= run.batches and all(map(ended, current))
    by_currency: dict[str, list[Entry]] = defaultdict(list)
    for p in current:
        by_currency[_currency(p)].extend(entries_of(p))
    return Statement(
        document=run.document,
        source=run.source,
        period=run.period,
        currencies={
            currency: _currency_statement(
                run.received.get(currency), merge(by_currency[currency]), complete=complete
            )
            for currency in sorted({*run.received, *by_currency})
        },
        lines=_line_counts(run.received, current),
        unexplained_lines=_differences(current),
        complete=complete,
    )


def _problem_statement(run: Run, last: Sequence[Projection]) -> Statement:
    """A document that is held whole: all that was received, or nothing known yet.

    What another pass has posted of it stands.
    """
    known = run.problem not in _UNREAD and _read_whole(run)
    by_currency: dict[str, list[Entry]] = defaultdict(list)
    for p in last:
        by_currency[_currency(p)].extend(standing(entries_of(p)))
    lines: dict[str, int] = defaultdict(int)
    currencies: dict[str, CurrencyStatement] = {}
    for currency in sorted({*run.received, *by_currency}):
        entries = _held_whole(run, run.received.get(currency), by_currency[currency])
        currencies[currency] = _currency_statement(
            run.received.get(currency), entries, complete=known
        )
        for entry in entries:
            if entry.outcome != "rounding":
                lines[entry.outcome] += entry.lines
    received = sum(got.lines for got in run.received.values())
    return Statement(
        document=run.document,
        source=run.source,
        period=run.period,
        currencies=currencies,
        lines={"received": received, "held": 0, **lines},
        complete=known,
    )


def _held_whole(run: Run, got: ReceivedSum | None, stands: Sequence[Entry]) -> tuple[Entry, ...]:
    """What stands of one currency; the rest of what was received is held."""
    problem = str(run.problem)
    told = [
        e.model_copy(update={"reason": problem}) if e.outcome == "posted" else e for e in stands
    ]
    if got is None:
        return merge(told)
    all_of_it = Entry(
        outcome="held", reason=problem, lines=got.lines, price=got.price, cost=got.cost
    )
    taken = [
        e.model_copy(
            update={
                "outcome": "held",
                "reason": problem,
                "lines": 0 if e.outcome == "rounding" else e.lines,
            }
        )
        for e in told
    ]
    return less((all_of_it, *told), taken)


def _last_pass(projections: Sequence[Projection]) -> list[Projection]:
    """The batches of the newest pass that every batch went through, to its end or its plan."""
    passes: dict[int, list[Projection]] = defaultdict(list)
    for p in projections:
        if p.revision:
            passes[p.revision].append(p)
    through = (Progress.HELD, Progress.PLANNED, Progress.DONE)
    whole = [r for r, batches in passes.items() if all(p.progress() in through for p in batches)]
    return passes[max(whole)] if whole else []


def _read_whole(run: Run) -> bool:
    """Pages of a document that could not be read to its end say nothing about the rest of it."""
    lines = sum(got.lines for got in run.received.values())
    empty = run.problem == "document-empty"
    return lines == run.rows_read == run.rows_promised and (lines > 0 or empty)


def _currency(p: Projection) -> str:
    facts = (p.normalized, p.parked)
    return next(f.currency for f in facts if f is not None)


def _currency_statement(
    received: ReceivedSum | None, entries: Sequence[Entry], *, complete: bool
) -> CurrencyStatement:
    got = received or ReceivedSum(lines=0, price=ZERO, cost=ZERO)

    def by(outcome: str) -> dict[str, Decimal]:
        found = (e for e in entries if e.outcome == outcome and e.is_something)
        return {e.reason: e.price for e in found if e.reason or outcome != "posted"}

    return CurrencyStatement(
        price=_side(got.price, {o: _sum(entries, o, "price") for o in OUTCOMES}, complete=complete),
        cost=_side(got.cost, {o: _sum(entries, o, "cost") for o in OUTCOMES}, complete=complete),
        posted_by=by("posted"),
        dropped_by=by("dropped"),
        held_by=by("held"),
        excluded_by=by("excluded"),
        refused_by=by("refused"),
    )


def _sum(entries: Iterable[Entry], outcome: str, side: str) -> Decimal:
    return sum((getattr(e, side) for e in entries if e.outcome == outcome), ZERO)


def _side(received: Decimal, outcomes: Mapping[str, Decimal], *, complete: bool) -> Side:
    """`rounding` is what the exact totals of posted lines have over the rounded ones."""
    explained = sum(outcomes.values(), ZERO)
    return Side(
        received=received,
        **outcomes,
        unexplained=received - explained if complete else None,
    )


def _line_counts(
    received: Mapping[str, ReceivedSum], current: Sequence[Projection]
) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    counts["received"] = sum(got.lines for got in received.values())
    for p in current:
        for e in entries_of(p):
            if e.outcome != "rounding":
                counts[e.outcome] += e.lines
        if p.normalized is not None:
            counts["collapsed"] += p.normalized.collapsed
            counts["merged"] += p.normalized.merged
    return {k: counts[k] for k in sorted(counts)}


def _differences(current: Sequence[Projection]) -> tuple[Difference, ...]:
    """Of the newest revision alone: what an older one found may have been put right since."""
    dones = (p.at(p.revision, "done") for p in current)
    found = [d for done in dones if done is not None for d in done.differences]
    return tuple(sorted(found, key=lambda d: (d.line, d.problem)))
