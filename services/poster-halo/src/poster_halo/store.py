"""What this service keeps: the batches to post, its plans and its postings."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.records import Message, Record
from chassis.service import LeaseLost
from chassis.table import Stored, Table
from poster_halo.domain.postings import Posting
from schemas import frame
from schemas.charges import AZURE_COLLAPSED, ItemChoice, ItemChoices
from schemas.messages import BodyRef, ChargesResolved

BATCHES = "batches-to-post"
ITEMS = "items"
POSTINGS = "postings"
ANSWERS = "answers-poster"


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A batch as resolved: its head, what its products are sold as, and the lines if they came
    with it; `lines_digest` names them wherever they lie."""

    head: ChargesResolved
    choices: dict[str, ItemChoice]
    inline: bytes
    fetched: bytes | None = None  # the lines that did not come with it, where somebody needs them

    @property
    def lines_digest(self) -> str:
        at = self.head.lines_at
        return hashlib.sha256(self.inline).hexdigest() if at is None else at.digest

    @property
    def collapses(self) -> bool:
        """R6: it has the line that its Azure charges were merged into."""
        return AZURE_COLLAPSED in self.choices


class PlanRecord(BaseModel):
    """A plan as approved or refused by its hash; the diff travels in PostingPlanned."""

    model_config = ConfigDict(frozen=True)

    plan: str
    batch: str
    revision: int  # of the batch that was planned
    hash: str
    own_hash: str
    code: str | None = None
    operations: tuple[str, ...] = ()
    amount: str = "0"
    invoice_date: str = ""
    selection: tuple[str, ...] = ()


class KnownItem(BaseModel):
    """What lifecycle's `items` tell a reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    product_key: str
    connection: str
    state: str = ""
    item: int | None = None
    name: str = ""
    code: str | None = None
    tax: int | None = None
    text: str = ""


class _Fence(BaseModel):
    """Whose posting it is: what a write must know of the stored one."""

    fence: int = 0


class Store:
    """`outbox` publishes what its records carry. Only jobs write plans and postings, under the
    connection's lease; a replace that fails means that another owner took over."""

    def __init__(self, outbox: Outbox, bodies: Bodies) -> None:
        self._outbox = outbox
        self._bodies = bodies
        self._plans = Table(outbox, "plans", PlanRecord)
        self._postings = Table(outbox, POSTINGS, Posting)
        self._fences = Table(outbox, POSTINGS, _Fence)
        self._items = Table(outbox, ITEMS, KnownItem)

    async def keep(self, head: ChargesResolved, body: bytes) -> None:
        """The revision rule: lower and duplicate are ignored, higher replaces."""
        there = await self._outbox.get(head.tenant, BATCHES, head.batch)
        tags = {"revision": str(head.revision), "content": head.content}
        value = frame.encode(head.model_dump_json().encode(), body)
        record = Record(head.tenant, BATCHES, head.batch, 0, value, tags)
        if there is None:
            kept = await self._outbox.insert(record)
        else:
            seen = int(there.tags["revision"])
            if head.revision == seen and there.tags["content"] != head.content:
                raise PermanentError(
                    "content-differs",
                    f"batch {head.batch} came twice at revision {seen} with different content",
                )
            if head.revision <= seen:
                return
            kept = await self._outbox.replace(replace(record, version=there.version))
        if not kept:  # somebody was faster: by the same rule
            await self.keep(head, body)

    async def head(self, tenant: str, batch: str) -> ChargesResolved | None:
        """What was resolved of the batch, without its lines."""
        record = await self._outbox.get(tenant, BATCHES, batch)
        return None if record is None else _head_of(record)[0]

    async def batch(self, tenant: str, batch: str) -> KeptBatch | None:
        """The batch; its lines are read when somebody needs them."""
        record = await self._outbox.get(tenant, BATCHES, batch)
        if record is None:
            return None
        head, body = _head_of(record)
        if head.body is not None:
            body = await self._bodies.get(tenant, head.body)
        choices, _, lines = body.partition(b"\n")
        return KeptBatch(head, ItemChoices.validate_json(choices or b"{}"), lines)

    async def with_lines(self, kept: KeptBatch) -> KeptBatch:
        """The batch, so that nobody waits for its lines any more."""
        return replace(kept, fetched=await self.lines(kept))

    async def lines(self, kept: KeptBatch) -> bytes:
        """The decided lines of the batch, as they were written."""
        if kept.fetched is not None:
            return kept.fetched
        at = kept.head.lines_at
        return kept.inline if at is None else await self._bodies.get(kept.head.tenant, at)

    async def body(self, tenant: str, at: BodyRef) -> bytes:
        """Decided lines that lie in the store, of whatever revision."""
        return await self._bodies.get(tenant, at)

    async def item(self, tenant: str, connection: str, key: str) -> KnownItem | None:
        """What the product is sold as at this connection, by lifecycle's own record."""
        stored = await self._items.get(tenant, key)
        if stored is None or stored.value.connection != connection:
            return None
        return stored.value

    async def plan(self, tenant: str, plan: str) -> PlanRecord | None:
        """The plan as last made."""
        stored = await self._plans.get(tenant, plan)
        return stored.value if stored else None

    async def put_plan(self, tenant: str, plan: PlanRecord, message: Message) -> None:
        """Store the plan, then publish it."""
        if await self._plans.insert(tenant, plan.plan, plan, outgoing=(message,)):
            return
        stored = await self._plans.get(tenant, plan.plan)
        assert stored is not None, "plans are never deleted"
        if not await self._plans.replace(stored, plan, outgoing=(message,)):
            raise LeaseLost(f"plan {plan.plan} was written by another owner")

    async def posting(self, tenant: str, plan: str) -> Stored[Posting] | None:
        """The posting; what it still had to publish is published first."""
        return await self._postings.get(tenant, plan)

    async def put_posting(
        self,
        tenant: str,
        posting: Posting,
        outgoing: Sequence[Message] = (),
        there: Stored[Posting] | None = None,
    ) -> Stored[Posting]:
        """Store, then publish. `there` is the posting as this job read or wrote it last: what this
        returned, if that carried no messages. Without it the stored one is looked at."""
        key, tags = posting.plan, {"batch": posting.batch, "document": posting.document}
        stored = there or await self._fences.get(tenant, key)
        if stored is None:
            done = await self._postings.insert(tenant, key, posting, tags=tags, outgoing=outgoing)
            record = Record(tenant, POSTINGS, key, 0, b"", tags)
        else:
            if stored.value.fence > posting.fence:
                raise LeaseLost(f"posting {key} belongs to a newer owner")
            record = stored.record
            at = Stored(posting, record)
            done = await self._postings.replace(at, posting, tags=tags, outgoing=outgoing)
        if not done:
            raise LeaseLost(f"posting {key} was written by another owner")
        return Stored(posting, replace(record, version=record.version + 1, body=b"", outgoing=()))

    def postings_of(self, tenant: str, document: str) -> AsyncIterator[Stored[Posting]]:
        """All postings of a document, at every connection."""
        return self._postings.every(tenant, "document", document)

    async def answer(self, tenant: str, job: str, batch: str, message: Message) -> None:
        """An answer that has no record of its own: stored with its message, published, once."""
        key = f"{job}/{batch}"
        await self._outbox.insert(Record(tenant, ANSWERS, key, 0, b"", {}, (message,)))

    async def answered(self, tenant: str, job: str, batch: str) -> bool:
        """Whether this job has said what became of the batch; what is left of it is published."""
        return await self._outbox.get(tenant, ANSWERS, f"{job}/{batch}") is not None


def _head_of(record: Record) -> tuple[ChargesResolved, bytes]:
    """The batch's head, and the body that came with it."""
    line, body = frame.decode(record.body)
    return ChargesResolved.model_validate_json(line), body
