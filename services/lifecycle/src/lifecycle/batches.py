"""The normalized batches that wait to be resolved: one record a batch, highest revision."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.records import Message, Record
from lifecycle.domain.charges import Uses, uses
from lifecycle.domain.resolve import Batch
from schemas import frame
from schemas.messages import ChargesNormalized

COLLECTION = "charges"


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)

    revision: int
    content: str
    answered: bool = False


@dataclass(frozen=True)
class KeptBatch:
    """A batch as kept; `lines` are its bytes as they came, or None while they lie in `bodies`."""

    record: Record
    revision: int
    answered: bool
    batch: Batch | None = None
    lines: bytes | None = None


class Batches:
    """`outbox` publishes what a record carries."""

    def __init__(self, outbox: Outbox, bodies: Bodies) -> None:
        self._outbox = outbox
        self._bodies = bodies

    async def keep(self, head: ChargesNormalized, lines: bytes) -> None:
        """The revision rule: lower and duplicate are ignored, higher replaces."""
        there = await self._outbox.get(head.tenant, COLLECTION, head.batch)
        if there is not None and not _is_news(there, head):
            return
        record = _record(head, lines)
        if there is None:
            kept = await self._outbox.insert(record)
        else:
            kept = await self._outbox.replace(replace(record, version=there.version))
        if not kept:  # somebody was faster: by the same rule
            await self.keep(head, lines)

    async def get(self, tenant: str, batch: str) -> KeptBatch | None:
        """The batch, unless it never came."""
        record = await self._outbox.get(tenant, COLLECTION, batch)
        if record is None:
            return None
        state_line, _, rest = record.body.partition(b"\n")
        state = _State.model_validate_json(state_line)
        if state.answered:
            return KeptBatch(record, state.revision, answered=True)
        head_line, uses_line, lines = frame.split(rest, 3)
        head = ChargesNormalized.model_validate_json(head_line)
        return KeptBatch(
            record,
            state.revision,
            answered=False,
            batch=Batch(head, Uses.model_validate_json(uses_line)),
            lines=None if head.body is not None else lines,
        )

    async def lines_of(self, kept: KeptBatch) -> bytes:
        """The lines, wherever they lie."""
        if kept.lines is not None:
            return kept.lines
        assert kept.batch is not None, "an answered batch has no lines left"
        assert kept.batch.head.body is not None, "a body without bytes lies in the store"
        return await self._bodies.get(kept.record.tenant, kept.batch.head.body)

    async def answer(self, kept: KeptBatch, message: Message) -> bool:
        """Publish the answer; the lines travel on in it and are not kept twice.

        False: a newer revision came meanwhile, and this one is nobody's question any more.
        """
        assert kept.batch is not None, "a batch is answered once"
        state = _State(revision=kept.revision, content=kept.batch.head.content, answered=True)
        body = state.model_dump_json().encode()
        return await self._outbox.replace(replace(kept.record, body=body, outgoing=(message,)))


def _is_news(there: Record, head: ChargesNormalized) -> bool:
    state = _State.model_validate_json(there.body.partition(b"\n")[0])
    if head.revision == state.revision and head.content != state.content:
        raise PermanentError(
            "content-differs",
            f"batch {head.batch} came twice at revision {head.revision} with different content",
        )
    return head.revision > state.revision


def _record(head: ChargesNormalized, lines: bytes) -> Record:
    state = _State(revision=head.revision, content=head.content)
    body = frame.join(
        state.model_dump_json().encode(),
        head.model_dump_json().encode(),
        uses(lines).model_dump_json().encode(),
        b"" if head.body is not None else lines,
    )
    tags = {"run": head.run}
    return Record(head.tenant, COLLECTION, head.batch, 0, body, tags)
