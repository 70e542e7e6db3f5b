"""The normalized batches that wait to be resolved: one record a batch, highest revision.

Kept is what a batch comes to. Its lines stay where they lie; the answer says where that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.records import Message, Record
from lifecycle.domain.charges import uses
from lifecycle.domain.resolve import Batch
from schemas import frame
from schemas.messages import ChargesNormalized
from schemas.uses import Uses

COLLECTION = "charges"


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)

    revision: int
    content: str
    answered: bool = False


@dataclass(frozen=True)
class KeptBatch:
    """A batch as kept; one that is answered is gone but for its revision."""

    record: Record
    revision: int
    answered: bool
    batch: Batch | None = None


class Batches:
    """`outbox` publishes what a record carries."""

    def __init__(self, outbox: Outbox, bodies: Bodies) -> None:
        self._outbox = outbox
        self._bodies = bodies

    async def keep(self, head: ChargesNormalized, body: bytes) -> None:
        """The revision rule: lower and duplicate are ignored, higher replaces."""
        there = await self._outbox.get(head.tenant, COLLECTION, head.batch)
        if there is not None and not _is_news(there, head):
            return
        record = await self._record(head, body)
        if there is None:
            kept = await self._outbox.insert(record)
        else:
            kept = await self._outbox.replace(replace(record, version=there.version))
        if not kept:  # somebody was faster: by the same rule
            await self.keep(head, body)

    async def get(self, tenant: str, batch: str) -> KeptBatch | None:
        """The batch, unless it never came."""
        record = await self._outbox.get(tenant, COLLECTION, batch)
        if record is None:
            return None
        state_line, _, rest = record.body.partition(b"\n")
        state = _State.model_validate_json(state_line)
        if state.answered:
            return KeptBatch(record, state.revision, answered=True)
        head_line, sums = frame.split(rest, 2)
        head = ChargesNormalized.model_validate_json(head_line)
        decided = Batch(head, Uses.model_validate_json(sums))
        return KeptBatch(record, state.revision, answered=False, batch=decided)

    async def answer(self, kept: KeptBatch, message: Message) -> bool:
        """Publish the answer; what was decided from is not needed any more.

        False: a newer revision came meanwhile, and this one is nobody's question any more.
        """
        assert kept.batch is not None, "a batch is answered once"
        state = _State(revision=kept.revision, content=kept.batch.head.content, answered=True)
        body = state.model_dump_json().encode()
        return await self._outbox.replace(replace(kept.record, body=body, outgoing=(message,)))

    async def _record(self, head: ChargesNormalized, body: bytes) -> Record:
        lines, _, sums = body.partition(b"\n")
        if head.lines_at is None:  # lines in the message itself: they are laid down once, here
            sums = uses(lines).model_dump_json().encode()
            at = await self._bodies.put(head.tenant, lines)
            head = head.model_copy(update={"lines_at": at})
        state = _State(revision=head.revision, content=head.content)
        line = head.model_copy(update={"body": None}).model_dump_json().encode()
        kept = frame.join(state.model_dump_json().encode(), line, sums)
        return Record(head.tenant, COLLECTION, head.batch, 0, kept, {"run": head.run})


def _is_news(there: Record, head: ChargesNormalized) -> bool:
    state = _State.model_validate_json(there.body.partition(b"\n")[0])
    if head.revision == state.revision and head.content != state.content:
        raise PermanentError(
            "content-differs",
            f"batch {head.batch} came twice at revision {head.revision} with different content",
        )
    return head.revision > state.revision
