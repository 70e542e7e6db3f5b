"""Bodies too large for a message: content-addressed, compressed, in parts, in collection `bodies`.

The part that says how many there are is written last, so a body is there whole or not at all. On a
store of this machine one that would fit a message stays plain: packing costs more than writing.
"""

from __future__ import annotations

import hashlib
import zlib

from chassis.errors import PermanentError
from chassis.records import Message, Record, Records
from schemas import frame
from schemas.messages import BodyRef, Head

COLLECTION = "bodies"
PART_BYTES = 4 * 1024 * 1024
_PLAIN = "plain"  # the tag of a body that is stored as it is
_COMPRESSION = 1  # JSON lines shrink to a tenth already; higher levels cost five times the CPU


class Bodies:
    """Puts bodies into the store and gets them back, verified."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def put(self, tenant: str, body: bytes) -> BodyRef:
        """Store the body, once however often it is put."""
        ref = _reference(body)
        if not await self._records.count(tenant, COLLECTION, "body", ref.digest):
            for part in self._parts(tenant, ref, body):
                await self._records.insert(part)
        return ref

    def packed(self, tenant: str, body: bytes) -> tuple[BodyRef, list[Record]]:
        """What refers to the body, and the records to insert in this order unless they are there.

        They may be inserted with others in one commit."""
        ref = _reference(body)
        return ref, self._parts(tenant, ref, body)

    async def get(self, tenant: str, ref: BodyRef) -> bytes:
        """The body, exactly as it was put."""
        first = await self._records.get(tenant, COLLECTION, _part(ref, 0))
        if first is None:
            raise PermanentError("body-missing", f"body {ref.digest} is not in the store")
        body: bytes | None = first.body
        if _PLAIN not in first.tags:
            packed = [first.body]
            for number in range(1, int(first.tags["parts"])):
                part = await self._records.get(tenant, COLLECTION, _part(ref, number))
                packed.append(part.body if part else b"")
            body = _unpack(b"".join(packed) if len(packed) > 1 else first.body, ref.size_bytes)
        if body is None or hashlib.sha256(body).hexdigest() != ref.digest:
            raise PermanentError("body-damaged", f"body {ref.digest} is not what was stored")
        return body

    async def message(self, head: Head, key: str, body: bytes = b"") -> Message:
        """The framed message; a body over the inline limit goes to the store first."""
        if len(body) > frame.INLINE_LIMIT_BYTES:
            ref = await self.put(head.tenant, body)
            head, body = head.model_copy(update={"body": ref}), b""
        line = head.model_dump_json().encode()
        if len(line) > frame.HEAD_LIMIT_BYTES:
            raise PermanentError(
                "head-too-large",
                f"the head of a {head.kind} has {len(line)} bytes: lists belong"
                f" in the body, at most {frame.HEAD_LIMIT_BYTES} fit in a head",
            )
        return Message(head.topic, key, frame.encode(line, body))

    def _parts(self, tenant: str, ref: BodyRef, body: bytes) -> list[Record]:
        if self._records.is_local and len(body) <= frame.INLINE_LIMIT_BYTES:
            tags = {"body": ref.digest, _PLAIN: "1"}
            return [Record(tenant, COLLECTION, _part(ref, 0), 0, body, tags)]
        small = zlib.compress(body, _COMPRESSION)
        parts = [small[at : at + PART_BYTES] for at in range(0, len(small), PART_BYTES)]
        tags = {"body": ref.digest, "parts": str(len(parts))}
        records = [
            Record(tenant, COLLECTION, _part(ref, number), 0, part, {} if number else tags)
            for number, part in enumerate(parts)
        ]
        return records[::-1]


def _reference(body: bytes) -> BodyRef:
    return BodyRef(digest=hashlib.sha256(body).hexdigest(), size_bytes=len(body))


def _part(ref: BodyRef, number: int) -> str:
    return f"{ref.digest}-{number:05d}"


def _unpack(packed: bytes, size_bytes: int) -> bytes | None:
    """No more than the promised size is unpacked, whatever the bytes say."""
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, size_bytes + 1)
    except zlib.error:
        return None
    return body
