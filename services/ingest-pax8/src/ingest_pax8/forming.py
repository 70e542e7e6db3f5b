"""Forms a document's batches from its stored lines: all of one bill-to in one currency (R3).

One pass, page by page; then one record a batch that holds the message until it is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import batched

from pydantic import BaseModel
from pydantic_core import to_json

from chassis.errors import PermanentError
from chassis.records import Record
from ingest_pax8.domain.billing import Billing, BillTo
from ingest_pax8.domain.chains import Place
from ingest_pax8.domain.document import VOID, Document
from ingest_pax8.domain.identity import Identities, LineIds
from ingest_pax8.spool import Spool
from ingest_pax8.tools import BATCHES, Tools
from ingest_pax8.translate import SOURCE, Row, fields_of, line_from_pax8
from schemas.ids import batch_id, content_hash
from schemas.messages import BatchEntry, ChargesReceived, Company, IngestDocument
from schemas.money import ZERO
from schemas.settings import Settings
from vendors.pax8 import InvoiceItem

TOO_LARGE = "batch-too-large"
NO_CURRENCY = "currency-missing"
_AT_ONCE = 8

type Key = tuple[str, str]  # bill-to and currency


@dataclass(slots=True)
class _Group:
    """One batch while it grows."""

    bill_to: BillTo
    lines: int = 0
    price: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(slots=True)
class _Unknown:
    """A company that no mapping decides."""

    company: str
    name: str
    external: str | None
    lines: int = 0
    price: dict[str, Decimal] = field(default_factory=dict)


class _State(BaseModel):
    """What is kept of a batch: enough to tell a duplicate from a change."""

    revision: int
    content: str


class Forming:
    """The batches of one document under one settings version."""

    def __init__(
        self,
        command: IngestDocument,
        document: Document,
        settings: Settings,
        place: Place,
        tools: Tools,
    ) -> None:
        assert document.basis is not None, "the basis is fixed at the first reading"
        self._command = command
        self._tools = tools
        self._lines_max = tools.batch_lines_max
        self._document = document
        self._place = place
        self._billing = Billing(settings, SOURCE)
        self._exclude = _whole_document(document, settings) or place.exclude
        self._identities = Identities(document.basis)
        self._line_ids = LineIds(command.tenant, SOURCE, document.document)
        self._groups: dict[Key, _Group] = {}
        self._unknown: dict[str, _Unknown] = {}
        self._spool: Spool[Key] = Spool()

    async def gather(self, pages: AsyncIterator[list[InvoiceItem]]) -> None:
        """Take all lines in, page by page."""
        async for items in pages:
            self._page(items)
        self._add_empty()

    @property
    def unknown(self) -> list[Company]:
        """Companies that nobody decided about, in the order of their ids."""
        if self._exclude:
            return []
        return [
            Company(
                company=one.company,
                name=one.name,
                external=one.external,
                lines=one.lines,
                price=dict(sorted(one.price.items())),
            )
            for one in sorted(self._unknown.values(), key=lambda one: one.company)
        ]

    async def publish(self) -> list[BatchEntry]:
        """Store and publish every batch; what each is called."""
        entries: list[BatchEntry] = []
        with self._spool:
            for several in batched(sorted(self._groups), _AT_ONCE, strict=False):
                entries += await asyncio.gather(*(self._batch(key) for key in several))
        return entries

    def _page(self, items: list[InvoiceItem]) -> None:
        rows: dict[Key, list[Row]] = {}
        for item in items:
            bill_to = self._billing.of(item.company_id, item.subscription_id)
            key = (bill_to.name, item.currency_code or "")
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(bill_to)
            group.lines += 1
            if item.total is not None:
                group.price += item.total
            if item.cost_total is not None:
                group.cost += item.cost_total
            if not bill_to.known:
                self._note_unknown(item)
            identity = self._identities.next(item.id, partial(fields_of, item))
            line = line_from_pax8(item, self._line_ids.of(identity))
            if group.lines <= self._lines_max:
                rows.setdefault(key, []).append(line)
        for key, lines in rows.items():
            self._spool.add(key, to_json(lines)[1:-1])

    def _add_empty(self) -> None:
        """R11: a client without a line here gets an empty batch, which takes older lines away.

        The recurring invoice's currency is not known here: there is one for each of the document's.
        """
        if self._exclude or self._place.hold:
            return
        billed = {name for name, _ in self._groups}
        currencies = sorted({currency for _, currency in self._groups if currency})
        for bill_to in self._billing.recurring():
            if bill_to.name not in billed:
                self._groups.update({(bill_to.name, c): _Group(bill_to) for c in currencies})

    def _note_unknown(self, item: InvoiceItem) -> None:
        company = item.company_id or ""
        one = self._unknown.get(company)
        if one is None:
            one = _Unknown(company, item.company_name or "", item.external_id)
            self._unknown[company] = one
        one.lines += 1
        currency = item.currency_code or ""
        one.price[currency] = one.price.get(currency, ZERO) + (item.total or ZERO)

    async def _batch(self, key: Key) -> BatchEntry:
        group, command = self._groups[key], self._command
        # A batch that is too large travels without its lines: what it sums to is in the head.
        too_large = group.lines > self._lines_max
        body = self._spool.body(key) if group.lines and not too_large else b"[]"
        head = self._head(key, group, content_hash(body if not too_large else _sums(group)))
        tools, tenant = self._tools, command.tenant
        record = await tools.outbox.get(tenant, BATCHES, head.batch)
        entry = BatchEntry(
            batch=head.batch,
            content=head.content,
            revision=head.revision,
            bill_to=head.bill_to,
            currency=head.currency,
            lines=head.lines,
        )
        if record is not None and not _is_news(record, head):
            return entry
        message = await tools.message(head, f"{tenant}/{head.bill_to}", body)
        state = _State(revision=head.revision, content=head.content).model_dump_json().encode()
        tags = {"document": command.document}
        await tools.put(Record(tenant, BATCHES, head.batch, 0, state, tags, (message,)))
        return entry

    def _head(self, key: Key, group: _Group, content: str) -> ChargesReceived:
        command, document, bill_to = self._command, self._document, group.bill_to
        name, currency = key
        hold = bill_to.hold or (None if currency else NO_CURRENCY) or self._place.hold
        if group.lines > self._lines_max:
            hold = TOO_LARGE
        return ChargesReceived(
            tenant=command.tenant,
            run=command.run,
            revision=command.revision,
            settings=command.settings,
            source=SOURCE,
            document=document.document,
            batch=batch_id(command.tenant, SOURCE, document.document, name, currency),
            bill_to=name,
            currency=currency,
            content=content,
            lines=group.lines,
            chain=document.chain(command.tenant, SOURCE),
            replaces=self._place.replaces,
            policy=bill_to.policy,
            client=bill_to.client,
            recurring=bill_to.recurring,
            exclude=self._exclude or bill_to.exclude,
            hold=hold,
            document_date=document.date,
            period=document.date[:7],
            price=group.price,
            cost=group.cost,
        )


def _whole_document(document: Document, settings: Settings) -> str | None:
    """R5: a reason that excludes the document as such."""
    if settings.exclusions.void and document.status.lower() == VOID:
        return "void-document"
    partner = settings.tenant.partner
    other = partner and document.partner and document.partner != partner
    return "other-partner" if settings.exclusions.other_partner and other else None


def _sums(group: _Group) -> bytes:
    return f"{group.lines} {group.price} {group.cost}".encode()


def _is_news(record: Record, head: ChargesReceived) -> bool:
    """The revision rule. The store has published what it still held when it was read."""
    state = _State.model_validate_json(record.body)
    if state.revision == head.revision and state.content != head.content:
        raise PermanentError(
            "content-differs",
            f"batch {head.batch} came twice at revision {head.revision} with different content",
        )
    return head.revision > state.revision
