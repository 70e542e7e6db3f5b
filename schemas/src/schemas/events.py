"""The public events on `billing.events.v1`: CloudEvents 1.0 with typed data that only ever grows.

What the services tell one another is theirs to change; this is what other people's systems read.
A fact's field is public once it stands here, and not before. The guide is docs/events.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.event_data import (
    ChargesHeldData,
    ChargesReleasedData,
    CountsSyncedData,
    DocumentChangedData,
    DocumentHeldData,
    EventData,
    PostingDoneData,
    PostingPlannedData,
    PostingRefusedData,
    PostingUndoneData,
    RunEndedData,
    RunWaitingData,
    SetupProgressedData,
)

TOPIC = "billing.events.v1"
CONTENT_TYPE = "application/cloudevents+json"


class BillingEvent(BaseModel):
    """CloudEvents attributes. `source` and `id` together are unique, and the same when repeated.

    There is no `time`: nothing in an event depends on when it was made.
    """

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="Derived from what the event is: published twice, it is the same")
    source: str = Field(description="chargeline/TENANT, percent-encoded")
    type: str
    subject: str = Field(
        description="The batch, the document, the day of a sync of counts, or a set-up"
    )
    datacontenttype: Literal["application/json"] = "application/json"
    data: EventData


class ChargesHeldEvent(BillingEvent):
    """A batch is held."""

    type: Literal["chargeline.charges.held.v1"] = "chargeline.charges.held.v1"
    data: ChargesHeldData


class ChargesReleasedEvent(BillingEvent):
    """A batch that was held goes on."""

    type: Literal["chargeline.charges.released.v1"] = "chargeline.charges.released.v1"
    data: ChargesReleasedData


class PostingPlannedEvent(BillingEvent):
    """A batch has a plan."""

    type: Literal["chargeline.posting.planned.v1"] = "chargeline.posting.planned.v1"
    data: PostingPlannedData


class PostingDoneEvent(BillingEvent):
    """A batch is posted and was read back."""

    type: Literal["chargeline.posting.done.v1"] = "chargeline.posting.done.v1"
    data: PostingDoneData


class PostingRefusedEvent(BillingEvent):
    """A batch was refused."""

    type: Literal["chargeline.posting.refused.v1"] = "chargeline.posting.refused.v1"
    data: PostingRefusedData


class PostingUndoneEvent(BillingEvent):
    """A posted batch was taken back."""

    type: Literal["chargeline.posting.undone.v1"] = "chargeline.posting.undone.v1"
    data: PostingUndoneData


class DocumentHeldEvent(BillingEvent):
    """A document is held whole."""

    type: Literal["chargeline.document.held.v1"] = "chargeline.document.held.v1"
    data: DocumentHeldData


class DocumentChangedEvent(BillingEvent):
    """A document has another status than before."""

    type: Literal["chargeline.document.changed.v1"] = "chargeline.document.changed.v1"
    data: DocumentChangedData


class RunWaitingEvent(BillingEvent):
    """A run waits for a person."""

    type: Literal["chargeline.run.waiting.v1"] = "chargeline.run.waiting.v1"
    data: RunWaitingData


class RunEndedEvent(BillingEvent):
    """A run has ended."""

    type: Literal["chargeline.run.ended.v1"] = "chargeline.run.ended.v1"
    data: RunEndedData


class CountsSyncedEvent(BillingEvent):
    """A sync of counts came to its end."""

    type: Literal["chargeline.counts.synced.v1"] = "chargeline.counts.synced.v1"
    data: CountsSyncedData


class SetupProgressedEvent(BillingEvent):
    """The set-up of a tenant has come a step further, or to its end."""

    type: Literal["chargeline.setup.progressed.v1"] = "chargeline.setup.progressed.v1"
    data: SetupProgressedData


EVENTS: tuple[type[BillingEvent], ...] = (
    DocumentHeldEvent,
    DocumentChangedEvent,
    ChargesHeldEvent,
    ChargesReleasedEvent,
    RunWaitingEvent,
    PostingPlannedEvent,
    PostingDoneEvent,
    PostingRefusedEvent,
    PostingUndoneEvent,
    RunEndedEvent,
    CountsSyncedEvent,
    SetupProgressedEvent,
)


def type_of(event: type[BillingEvent]) -> str:
    """The CloudEvents type that the class is of."""
    return str(event.model_fields["type"].default)
