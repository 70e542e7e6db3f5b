"""Batches formed and decided once more from raw lines, by the services' rules, not their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from chargeline.explain.reading import SourceLine
from ingest_pax8.domain.chains import Place
from ingest_pax8.domain.document import VOID, Document, unclear
from ingest_pax8.translate import SOURCE, line_from_pax8
from lifecycle.domain.resolve import Batch
from normalizer.domain.decide import decide
from normalizer.domain.rows import ChargeRow
from schemas.billing import Billing, BillTo
from schemas.ids import batch_id
from schemas.messages import ChargesNormalized, ChargesReceived
from schemas.money import ZERO
from schemas.settings import Settings
from vendors.pax8 import InvoiceItem

BATCH_LINES_MAX = 10_000
_CARRIED = (set(ChargesReceived.model_fields) & set(ChargesNormalized.model_fields)) - {
    "kind",
    "body",
}


@dataclass(slots=True)
class Formed:
    """All lines of one bill-to in one currency, and what the rules make of them."""

    bill_to: BillTo
    currency: str
    lines: list[SourceLine] = field(default_factory=list)
    rows: dict[str, ChargeRow] = field(default_factory=dict)
    head: ChargesReceived | None = None
    batch: Batch | None = None
    merged: ChargeRow | None = None

    @property
    def received(self) -> ChargesReceived:
        assert self.head is not None, "formed batches have a head"
        return self.head

    @property
    def normalized(self) -> Batch:
        assert self.batch is not None, "formed batches are decided"
        return self.batch

    @property
    def kept(self) -> list[ChargeRow]:
        """What goes on to be billed, a merged line included."""
        return [row for row in self.rows.values() if row.get("outcome") == "kept"]


@dataclass(frozen=True)
class Question:
    """What is explained: a document of a tenant, under one settings version."""

    tenant: str
    document: Document
    settings: Settings
    place: Place


def formed(question: Question, lines: Sequence[SourceLine]) -> list[Formed]:
    """Every batch of the document, decided. A line whose bytes can not be read is in none."""
    billing = Billing(question.settings, SOURCE)
    groups: dict[tuple[str, str], Formed] = {}
    for line in lines:
        if line.item is None:
            continue
        bill_to = billing.of(line.item.company_id, line.item.subscription_id)
        currency = line.item.currency_code or ""
        group = groups.setdefault((bill_to.name, currency), Formed(bill_to, currency))
        group.lines.append(line)
    batches = [groups[key] for key in sorted(groups)]
    for group in batches:
        _decide(question, group)
    return batches


def _decide(question: Question, group: Formed) -> None:
    rows = [cast("ChargeRow", line_from_pax8(_item(line), line.id)) for line in group.lines]
    settle(group, _head(question, group), rows, question.settings)


def settle(group: Formed, head: ChargesReceived, rows: list[ChargeRow], settings: Settings) -> None:
    """Decide the rows of a batch by the normalizer's rules."""
    group.head = head
    too_large = head.hold == "batch-too-large"
    decided = decide(head, [] if too_large else rows, settings)
    if too_large:  # it ends whole
        for row in rows:
            row["outcome"] = "excluded" if head.exclude else "held"
            row["rule"] = head.exclude or "batch-too-large"
        decided.rows = rows
    group.rows = {row["id"]: row for row in decided.rows}
    group.merged = next((row for row in decided.rows if "members" in row), None)
    carried = head.model_dump(include=_CARRIED)
    normalized = ChargesNormalized(
        **carried,
        money=decided.money,
        kept_lines=decided.kept_lines,
        kept_price=decided.kept_price,
        kept_cost=decided.kept_cost,
        collapsed=decided.collapsed,
        merged=decided.merged,
    )
    group.batch = Batch(normalized, decided.uses)


def _head(question: Question, group: Formed) -> ChargesReceived:
    tenant, document, bill_to = question.tenant, question.document, group.bill_to
    hold = bill_to.hold or (None if group.currency else "currency-missing") or question.place.hold
    hold = hold or unclear(document, question.settings.pax8.statuses)
    if len(group.lines) > BATCH_LINES_MAX:
        hold = "batch-too-large"
    return ChargesReceived(
        tenant=tenant,
        run="",
        revision=0,
        settings=question.settings.version,
        source=SOURCE,
        document=document.document,
        batch=batch_id(tenant, SOURCE, document.document, bill_to.name, group.currency),
        bill_to=bill_to.name,
        currency=group.currency,
        content="",
        lines=len(group.lines),
        policy=bill_to.policy,
        client=bill_to.client,
        recurring=bill_to.recurring,
        exclude=_whole_document(question) or bill_to.exclude,
        hold=hold,
        document_date=document.date,
        period=document.date[:7],
        price=_sum(group.lines, "total"),
        cost=_sum(group.lines, "cost_total"),
    )


def _whole_document(question: Question) -> str | None:
    """R5: what excludes a document as such; R14: one that another replaces."""
    document, settings = question.document, question.settings
    if settings.exclusions.void and document.status.lower() == VOID:
        return "void-document"
    partner = settings.tenant.partner
    if settings.exclusions.other_partner and partner and document.partner not in ("", partner):
        return "other-partner"
    return question.place.exclude


def _item(line: SourceLine) -> InvoiceItem:
    assert line.item is not None, "lines without an item are in no batch"
    return line.item


def _sum(lines: Sequence[SourceLine], name: str) -> Decimal:
    return sum((getattr(line.item, name) or ZERO for line in lines), ZERO)
