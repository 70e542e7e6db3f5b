"""What is parked and how it lies in the store: the message, its lane, and the notice of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from chassis.records import Message, Record
from schemas import frame
from schemas.ids import content_hash, derive_id
from schemas.messages import Parked

COLLECTION = "parked"
LANES = "parked_lanes"

_TEXT_CHARS = 500

State = Literal["parked", "queued", "discarded"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a bus hands it over to one consumer group."""

    group: str
    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a message is parked."""

    code: str
    text: str
    trace: str = ""


class ParkedMessage(BaseModel):
    """A parked message but for its bytes. `queued`: only waits for one before it.

    `discarded`: a person decided that it is never handled; its record says who and why, for good.
    """

    id: str
    tenant: str
    state: State
    group: str
    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str] = {}
    code: str
    text: str = ""
    trace: str = ""
    attempts: int = 1
    parked_at: datetime
    discarded_by: str = ""
    reason: str = ""


class Lane(BaseModel):
    """The messages of one group and key that wait, in order; empty: the key is free.

    `retrying`: whoever runs the group works it off. Of several processes one does, until its lease
    ends without being renewed.
    """

    group: str
    key: str
    waiting: tuple[str, ...] = ()
    retrying: bool = False
    owner: str = ""
    until: datetime | None = None

    def tags(self) -> dict[str, str]:
        """How lanes are found again after a restart."""
        tags = {"open": self.group} if self.waiting else {}
        return tags | ({"retrying": self.group} if self.retrying and self.waiting else {})


@dataclass(frozen=True, slots=True)
class Retried:
    """How far a retry came: messages done, and what stopped it."""

    done: int
    cause: Cause | None = None


def describe(arrival: Arrival, cause: Cause, state: State, now: datetime) -> ParkedMessage:
    """A message as it is parked; the same delivery always under the same id."""
    a = arrival
    place = (a.group, a.topic, a.partition, a.offset, content_hash(a.value))
    return ParkedMessage(
        id=derive_id("parked", *place),
        tenant=tenant_of(a.key),
        state=state,
        group=a.group,
        topic=a.topic,
        partition=a.partition,
        offset=a.offset,
        key=a.key,
        headers=dict(a.headers),
        code=cause.code,
        text=cause.text[:_TEXT_CHARS],
        trace=cause.trace,
        parked_at=now,
    )


def failed_again(message: ParkedMessage, cause: Cause, now: datetime) -> ParkedMessage:
    """The message after a retry that failed."""
    changes = {
        "state": "parked",
        "code": cause.code,
        "text": cause.text[:_TEXT_CHARS],
        "trace": cause.trace,
        "attempts": message.attempts + 1,
        "parked_at": now,
    }
    return message.model_copy(update=changes)


def record_of(message: ParkedMessage, value: bytes) -> Record:
    tags = {"state": message.state, "group": message.group}
    body = frame.encode(message.model_dump_json().encode(), value)
    return Record(message.tenant, COLLECTION, message.id, 0, body, tags)


def message_of(record: Record) -> ParkedMessage:
    return ParkedMessage.model_validate_json(frame.decode(record.body)[0])


def arrival_of(record: Record) -> Arrival:
    m = message_of(record)
    value = frame.decode(record.body)[1]
    return Arrival(m.group, m.topic, m.partition, m.offset, m.key, value, m.headers)


def notices_of(message: ParkedMessage) -> tuple[Message, ...]:
    """What tells the gateway; a notice that is parked itself makes no further notice."""
    if message.topic == Parked.topic:
        return ()
    notice = Parked(
        tenant=message.tenant,
        parked=message.id,
        group=message.group,
        origin=message.topic,
        key=message.key,
        code=message.code,
        text=message.text,
    )
    value = frame.encode(notice.model_dump_json().encode())
    return (Message(Parked.topic, message.key, value),)


def lane_id(group: str, key: str) -> str:
    return derive_id("lane", group, key)


def tenant_of(key: str) -> str:
    """Every order key begins with its tenant; a message without one has to lie somewhere too."""
    return key.partition("/")[0] or "-"
