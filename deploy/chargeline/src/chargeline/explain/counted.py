"""A month billed by counts, once more: snapshots, units × price, and who is billed (R21).

What was let through since is known as it is now: a count that a person has accepted meanwhile is
not held any more, whatever a run said before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from chargeline.explain.answers import BatchAnswers
from chargeline.explain.deciding import Formed, settle
from chargeline.explain.reading import OnlyDecisions
from chargeline.explain.resolving import read_decisions, resolve
from chassis.errors import PermanentError
from ingest_huntress.domain.answers import answer_key, organization_answer, parted
from ingest_huntress.domain.charges import Group, grouped
from ingest_huntress.domain.guards import Baseline
from ingest_huntress.domain.month import days_to_bill, month_of, taken_from
from ingest_huntress.domain.snapshot import BASELINE_KEY, SNAPSHOTS, SOURCE, Day, day_key
from ingest_huntress.translate import understood
from normalizer.domain.rows import ChargeRow
from schemas.charges import ChargeLine
from schemas.counts import Count
from schemas.explained import (
    RAW_ALTERED,
    AsReceived,
    CountedOn,
    DocumentExplained,
    LineExplained,
    PageProblem,
)
from schemas.ids import batch_id
from schemas.messages import ChargesReceived
from schemas.settings import Settings

__all__ = ["SOURCE", "month"]


@dataclass(frozen=True)
class _Asked:
    records: OnlyDecisions
    tenant: str
    document: str
    settings: Settings
    days: Mapping[date, Day]


async def month(
    records: OnlyDecisions, tenant: str, document: str, settings: Settings
) -> DocumentExplained:
    """Every line of the month; none while a day that it bills has no whole snapshot."""
    period = month_of(document)
    if period is None:
        raise PermanentError("document-unknown", f"{document} is no month: say it as 2026-11")
    stored = await records.get(tenant, SNAPSHOTS, BASELINE_KEY)
    baseline = Baseline.model_validate_json(stored.body) if stored else Baseline()
    days: dict[date, Day] = {}
    problems: list[PageProblem] = []
    wanted = days_to_bill(period, settings.counts)
    if {day.isoformat() for day in wanted} <= {*baseline.days}:
        for day in wanted:
            record = await records.get(tenant, SNAPSHOTS, day_key(day.isoformat()))
            if record is None:
                text = f"the snapshot of {day} is not in the store any more"
                problems.append(PageProblem(code="count-snapshot-missing", page=0, text=text))
            else:
                days[day] = Day.model_validate_json(record.body)
    asked = _Asked(records, tenant, document, settings, days)
    taken = taken_from({day: found.rows for day, found in days.items()}, baseline)
    lines = await _lines(asked, grouped(taken, settings, tenant, period) if days else {})
    outcomes = Counter(line.problem or line.outcome or "" for line in lines)
    return DocumentExplained(
        source=SOURCE,
        document=document,
        settings=settings.version,
        date=wanted[-1].isoformat(),
        outcomes=dict(sorted(outcomes.items())),
        lines=tuple(lines),
        problems=tuple(problems),
    )


async def _lines(asked: _Asked, groups: Mapping[str, Group]) -> list[LineExplained]:
    formed = [(group, _formed(asked, group)) for group in groups.values() if group.lines]
    batches = [one.normalized for _, one in formed]
    decisions = await read_decisions(asked.records, asked.tenant, asked.settings, batches)
    answers = resolve(batches, decisions, asked.settings)
    told: list[LineExplained] = []
    for group, one in formed:
        batch = BatchAnswers(asked.settings, one, answers[one.normalized.id], decisions)
        for line, day in zip(group.lines, group.days, strict=True):
            explained = batch.row(one.rows[line.id], line.company, None)
            told.append(await _with_count(asked, explained, line, date.fromisoformat(day)))
    return told


def _formed(asked: _Asked, group: Group) -> Formed:
    """The batch as ingest forms it, decided."""
    currency = asked.settings.tenant.currency
    bill_to = group.bill_to
    head = ChargesReceived(
        tenant=asked.tenant,
        run="",
        revision=0,
        settings=asked.settings.version,
        source=SOURCE,
        document=asked.document,
        batch=batch_id(asked.tenant, SOURCE, asked.document, bill_to.name, currency),
        bill_to=bill_to.name,
        currency=currency,
        content="",
        lines=len(group.lines),
        policy=bill_to.policy,
        client=bill_to.client,
        recurring=bill_to.recurring,
        exclude=bill_to.exclude,
        hold=group.hold,
        document_date=max(asked.days).isoformat(),
        period=asked.document,
        price=group.price,
        cost=group.cost,
    )
    rows = [cast("ChargeRow", _as_sent(line)) for line in group.lines]
    formed = Formed(bill_to, currency)
    settle(formed, head, rows, asked.settings)
    return formed


def _as_sent(line: ChargeLine) -> dict[str, object]:
    return line.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


async def _with_count(
    asked: _Asked, explained: LineExplained, line: ChargeLine, day: date
) -> LineExplained:
    """With the snapshot that the line bills, and the answer that this was read from."""
    product = line.product or ""
    counted = _counted(asked, line.company, product, day)
    name = answer_key(day.isoformat(), organization_answer(int(line.company)))
    record = await asked.records.get(asked.tenant, SNAPSHOTS, name)
    update: dict[str, object] = {
        "vendor_id": f"{line.company}/{product}",
        "company_name": line.company_name,
        "received": AsReceived(
            type=line.type,
            term=line.term or "",
            name=line.name,
            text=line.text,
            start=line.start,
            end=line.end,
            quantity=line.quantity,
            price=line.price,
            total=line.total,
            cost=line.cost,
            cost_total=line.cost_total,
        ),
    }
    if record is not None and counted.read_from == "detail":
        notes, raw = parted(record.body)
        if notes.fits(raw):
            counted = counted.model_copy(update={"raw": understood(raw).get(product)})
        else:
            text = f"the answer of {day} about {line.company_name} is not what Huntress sent"
            text = f"{text}: restore the data folder from a backup"
            update |= {"problem": RAW_ALTERED, "outcome": None, "text": text}
    return explained.model_copy(update={**update, "counted": counted})


def _counted(asked: _Asked, organization: str, product: str, day: date) -> CountedOn:
    found = asked.days[day]
    row = next(_rows(found, organization, product))
    return CountedOn(
        day=day.isoformat(),
        rule=asked.settings.counts.count_rule,
        mode=found.mode,
        read_at=found.at,
        read_from=row.read_from,
        count=row.count,
        before=row.before,
        seen=row.seen,
    )


def _rows(day: Day, organization: str, product: str) -> Iterator[Count]:
    return (r for r in day.rows if (r.organization, r.product) == (organization, product))
