"""The public facts on `billing.events.v1`, as CloudEvents 1.0; the gateway alone publishes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from chassis.records import Message
from gateway.domain.run import Run
from schemas.ids import derive_id
from schemas.messages import BatchHead, ChargesHeld, PostingDone, PostingRefused, PostingUndone
from schemas.statement import Statement

TOPIC = "billing.events.v1"


class BillingEvent(BaseModel):
    """CloudEvents attributes; `id` is derived, so an event that is published again is the same."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]


_TYPES: dict[type[BatchHead], str] = {
    ChargesHeld: "chargeline.charges.held.v1",
    PostingDone: "chargeline.posting.done.v1",
    PostingRefused: "chargeline.posting.refused.v1",
    PostingUndone: "chargeline.posting.undone.v1",
}


def about_batch(fact: BatchHead) -> tuple[Message, ...]:
    """The event that a fact about a batch makes public; most make none."""
    kind = _TYPES.get(type(fact))
    if kind is None:
        return ()
    data = fact.model_dump(mode="json", exclude={"body", "settings"})
    return (_message(fact.tenant, kind, fact.batch, fact.revision, data),)


def about_run(run: Run, statement: Statement) -> tuple[Message, ...]:
    """A run ended: its statement."""
    data = {"run": run.run, "statement": statement.model_dump(mode="json")}
    return (_message(run.tenant, "chargeline.run.ended.v1", run.document, run.revision, data),)


def _message(tenant: str, kind: str, subject: str, revision: int, data: dict[str, Any]) -> Message:
    event = BillingEvent(
        id=derive_id("event", tenant, kind, subject, revision),
        source=f"chargeline/{tenant}",
        type=kind,
        subject=subject,
        data=data,
    )
    headers = {"content-type": "application/cloudevents+json"}
    return Message(TOPIC, tenant, event.model_dump_json().encode(), headers)
