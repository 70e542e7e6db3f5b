"""Compares what should have become of every line with what the posting store says stands.

Explain recomputes the first without seeing the second; only here do the two meet. So an amount that
nothing explains gets the id of its line even when the poster noticed nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from chargeline.explain import Explain, LineExplained
from chassis.errors import PermanentError
from chassis.records import Records
from chassis.table import Table
from gateway.domain.projection import Projection, entries_of
from gateway.domain.run import Run
from poster_halo.domain.postings import Posting
from schemas.ids import plan_id
from schemas.money import ZERO, plain, round_half_up
from schemas.statement import Difference, Entry

_NAMED_MAX = 50  # lines named for one reason that is known by its sum alone

type Both = tuple[Decimal, Decimal]  # customer total and partner total
type Standing = dict[str, list[tuple[Decimal, Decimal, Decimal]]]  # quantity, price, cost


@dataclass(slots=True)
class _Batch:
    """The lines of one batch: the source's, and the one that Azure charges were merged into."""

    lines: list[LineExplained] = field(default_factory=list)
    merged: list[LineExplained] = field(default_factory=list)

    @property
    def billed(self) -> list[LineExplained]:
        """What should stand at the destination."""
        return [line for line in (*self.lines, *self.merged) if line.outcome == "posted"]

    @property
    def received(self) -> Both:
        """What the source's lines come to; a merged line is the sum of some of them."""
        return _sum(map(_totals, self.lines))

    def totals(self, line: LineExplained) -> Both:
        """Exact: those of a merged line are the sums of its members."""
        members = frozenset(line.members)
        if not members:
            return _totals(line)
        return _sum(_totals(one) for one in self.lines if one.line in members)


async def line_audit(records: Records, tenant: str, run: str) -> list[Difference]:
    """Every line of the run's document that is not where and what it should be, by line id."""
    found = await Table(records, "runs", Run).get(tenant, run)
    if found is None:
        raise PermanentError("run-unknown", f"there is no run {run}: `chargeline runs` lists them")
    kept = found.value
    if kept.problem is not None and await records.get(tenant, "documents", kept.document) is None:
        return []  # nothing was ever read, so there is no line to name
    explained = await Explain(records).document(tenant, kept.document, kept.settings, kept.source)
    differences = [
        Difference(line=line.line, problem=line.problem, expected=ZERO, found=ZERO, text=line.text)
        for line in explained.lines
        if line.problem is not None
    ]
    if kept.problem is None:
        batches: dict[str, _Batch] = defaultdict(_Batch)
        for line in explained.lines:
            if line.batch:
                batches[line.batch].lines.append(line)
        for line in explained.merged:
            batches[line.batch].merged.append(line)
        projections = {
            stored.value.batch: stored.value
            async for stored in Table(records, "projections", Projection).every(tenant, "run", run)
        }
        for name, batch in sorted(batches.items()):
            posting = await Table(records, "postings", Posting).get(
                tenant, plan_id(name, kept.connection)
            )
            standing = _standing(posting.value) if posting is not None else {}
            differences += _of_batch(batch, projections.get(name), standing, kept.revision)
    return sorted(differences, key=lambda d: (d.line, d.problem))


def _of_batch(
    batch: _Batch, projection: Projection | None, standing: Standing, revision: int
) -> list[Difference]:
    if projection is None or projection.at(revision, "normalized") is None:
        if projection is not None and projection.at(revision, "parked") is not None:
            return []
        text = "the services never had the batch of this line"
        return [_missing(line, text) for line in batch.lines]
    entries = entries_of(projection)
    balanced = _sum((e.price, e.cost) for e in entries) == batch.received
    done = projection.at(revision, "done")
    told = {d.line: d for d in done.differences} if done is not None else {}
    found = list(told.values())
    replaces = bool(projection.normalized and projection.normalized.replaces)
    for line in batch.billed if done is not None else ():
        if line.line in told or (balanced and replaces):  # R14 posts the difference to another
            continue
        difference = _compared(line, standing.get(line.line, []), balanced=balanced)
        if difference is not None:
            found.append(difference)
    return found if balanced or found else _by_reason(batch, entries)


def _compared(
    line: LineExplained, there: Sequence[tuple[Decimal, Decimal, Decimal]], *, balanced: bool
) -> Difference | None:
    """A line that is not in this posting may stand elsewhere, if all its money is accounted for."""
    want = line.billed
    assert want is not None, "a posted line has its figures"
    if not there:
        return None if balanced else _missing(line, "it should stand in HaloPSA and does not")
    money, cost = _sum(
        (
            round_half_up(quantity * price, line.currency),
            round_half_up(quantity * cost, line.currency),
        )
        for quantity, price, cost in there
    )
    if (money, cost) == (want.total, want.cost_total):
        return None
    shown = "; ".join(f"{plain(q)} x {plain(p)} (cost {plain(c)})" for q, p, c in there)
    due = f"{plain(want.quantity)} x {plain(want.price)} (cost {plain(want.cost)})"
    return Difference(
        line=line.line,
        problem="doubled" if len(there) > 1 else "altered",
        expected=want.total,
        found=money,
        text=f"due {due}, read back {shown}",
    )


def _by_reason(batch: _Batch, entries: Iterable[Entry]) -> list[Difference]:
    """The sums differ and no posted line does: name the lines of the reasons whose sums differ."""
    due: dict[tuple[str, str], list[LineExplained]] = defaultdict(list)
    for line in (*batch.lines, *batch.merged):
        if line.outcome != "collapsed":
            reason = line.rule or "" if line.outcome in ("dropped", "excluded", "held") else ""
            due[line.outcome or "", reason].append(line)
    said: dict[tuple[str, str], Both] = defaultdict(lambda: (ZERO, ZERO))
    for e in entries:
        key = ("posted", "") if e.outcome == "rounding" else (str(e.outcome), e.reason)
        said[key] = _sum((said[key], (e.price, e.cost)))
    found: list[Difference] = []
    for (outcome, reason), lines in sorted(due.items()):
        if _sum(map(batch.totals, lines)) == said[outcome, reason]:
            continue
        text = f"{len(lines)} lines should be {outcome} {reason}".rstrip()
        text += ", and the services' sum of them is another"
        found += [_missing(line, text, "unaccounted") for line in lines[:_NAMED_MAX]]
    return found


def _standing(posting: Posting) -> Standing:
    found: Standing = defaultdict(list)
    for part in posting.standing:
        for line, (_, quantity, price, cost) in part.lines.items():
            found[line].append((Decimal(quantity), Decimal(price), Decimal(cost)))
    return found


def _missing(line: LineExplained, text: str, problem: str = "missing") -> Difference:
    expected = line.billed.total if line.billed is not None else _totals(line)[0]
    return Difference(line=line.line, problem=problem, expected=expected, found=ZERO, text=text)


def _totals(line: LineExplained) -> Both:
    given = line.received
    return (given.total or ZERO, given.cost_total or ZERO) if given else (ZERO, ZERO)


def _sum(pairs: Iterable[Both]) -> Both:
    price = cost = ZERO
    for one, other in pairs:
        price, cost = price + one, cost + other
    return price, cost
