"""Forms a document's batches from its stored lines: all of one bill-to in one currency (R3).

One pass, page by page; then one record a batch that holds the message until it is published.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from chassis.errors import PermanentError
from chassis.records import Record
from chassis.together import WHOLE_AT_ONCE, together
from ingest_pax8.domain.chains import Place
from ingest_pax8.domain.document import VOID, Document, unclear
from ingest_pax8.gathering import Gathering, Group, Key
from ingest_pax8.tools import BATCHES, Tools
from ingest_pax8.translate import SOURCE
from schemas.billing import BillTo
from schemas.ids import batch_id, content_hash
from schemas.messages import BatchEntry, ChargesReceived, Company, IngestDocument
from schemas.settings import Settings

TOO_LARGE = "batch-too-large"
NO_CURRENCY = "currency-missing"


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
        gathering: Gathering,
        tools: Tools,
    ) -> None:
        gathered = sum(group.lines for group in gathering.groups.values())
        assert gathered == document.rows, "no line is lost, none is doubled"
        self._command = command
        self._tools = tools
        self._document = document
        self._place = place
        self._gathering = gathering
        self._groups = gathering.groups
        self._unclear = unclear(document, settings.pax8.statuses)
        self._exclude = _whole_document(document, settings) or place.exclude

    @property
    def unknown(self) -> list[Company]:
        """Companies that nobody decided about; nobody has to about an excluded document's."""
        return [] if self._exclude else self._gathering.unknown()

    async def publish(self, before: Mapping[Key, BillTo]) -> list[BatchEntry]:
        """Store and publish every batch; what each is called.

        `before`: whom the documents that this one replaces have lines for.
        """
        self._add_empty(before)
        return await together([self._batch(key) for key in sorted(self._groups)], WHOLE_AT_ONCE)

    def _add_empty(self, before: Mapping[Key, BillTo]) -> None:
        """A client without a line here gets an empty batch, which takes older lines away: those of
        its recurring invoice (R11), and those that a replaced document has posted (R14).

        The recurring invoice's currency is not known here: there is one for each of the document's.
        """
        if self._exclude or self._place.hold or self._unclear:
            return
        billed = {name for name, _ in self._groups}
        currencies = sorted({currency for _, currency in self._groups if currency})
        for bill_to in self._gathering.billing.recurring():
            if bill_to.name not in billed:
                self._groups.update({(bill_to.name, c): Group(bill_to) for c in currencies})
        for key, bill_to in before.items():
            if bill_to.client is not None:
                self._groups.setdefault(key, Group(bill_to))

    async def _batch(self, key: Key) -> BatchEntry:
        group, command = self._groups[key], self._command
        # A batch that is too large travels without its lines: what it sums to is in the head.
        too_large = group.lines > self._tools.batch_lines_max
        body = self._gathering.body(key)
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

    def _head(self, key: Key, group: Group, content: str) -> ChargesReceived:
        command, document, bill_to = self._command, self._document, group.bill_to
        name, currency = key
        hold = bill_to.hold or (None if currency else NO_CURRENCY) or self._place.hold
        hold = hold or self._unclear
        if group.lines > self._tools.batch_lines_max:
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


def _sums(group: Group) -> bytes:
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
