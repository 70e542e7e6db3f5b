"""The data of the public events: a fact's field is public once it stands here, and not before.

Types only grow: a field may be added with a default, nothing else.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.money import ZERO, Amount
from schemas.settings import Behaviour
from schemas.statement import Difference, Entry, Statement


class EventData(BaseModel):
    """Whose event it is, and which pass over which document it comes from."""

    model_config = ConfigDict(frozen=True)

    tenant: str = Field(description="The MSP. Also the key of the record")
    run: str = Field(description="One pass over one document")
    revision: int = Field(description="Of the tenant's one counter: the higher one is newer")
    source: str = Field(description="Where the charges come from, e.g. pax8")
    document: str = Field(description="The distributor's invoice, by the distributor's id")


class BatchData(EventData):
    """All charges of one bill-to in one document and one currency: what becomes one invoice."""

    batch: str = Field(description="Derived: the same charges have the same batch in every run")
    bill_to: str = Field(description="client:NUMBER, or company:ID while nobody has mapped it")
    client: int | None = Field(default=None, description="The client's number at the destination")
    client_name: str = Field(default="", description="Empty until the client was found there")
    currency: str = Field(description="ISO 4217; every amount of the event is in it")
    lines: int = Field(default=0, description="Charges in the batch")
    content: str = Field(description="Hash of the charges as received: equal means the same ones")
    chain: str | None = Field(
        default=None, description="Shared by documents that may replace one another"
    )
    replaces: tuple[str, ...] = Field(
        default=(), description="Older documents that a person says this one replaces"
    )
    connection: str = Field(default="", description="The account at the destination, as a hash")


class ChargesHeldData(BatchData):
    """The batch waits for a person; nothing of it is posted."""

    kind: Literal["ChargesHeld"] = "ChargesHeld"
    stage: Literal["resolve", "plan", "parked"] = Field(
        default="resolve", description="Who stopped it: client and items, the plan, or a fault"
    )
    code: str = Field(description="Stable: docs/runbook has a page for it")
    text: str = Field(default="", description="One sentence for a person")
    held_lines: int = 0
    held_price: Amount = Field(default=ZERO, description="What the customer would have been billed")
    held_cost: Amount = Field(default=ZERO, description="What the distributor charges for it")
    money: tuple[Entry, ...] = Field(default=(), description="Every kept line by its outcome")


class ChargesReleasedData(BatchData):
    """What held the batch is settled. A plan follows, unless the batch is `void`."""

    reason: Literal["resolved", "void"] = Field(
        description="resolved: client and items are known now; void: its charges are in other"
        " batches of the document now, as after a company was mapped"
    )


class PostingPlannedData(BatchData):
    """The plan is ready for approval; nothing has been written."""

    plan: str
    hash: str = Field(default="", description="What is approved: another plan has another hash")
    behaviour: Behaviour = "new"
    operations: int = Field(default=0, description="0: all of it stands there already")
    creates: int = 0
    updates: int = 0
    warnings: tuple[str, ...] = ()
    money: tuple[Entry, ...] = Field(
        default=(), description="pending: would be posted; posted: stands there already"
    )
    rounding_price: Amount = Field(default=ZERO, description="Exact totals less the rounded ones")
    rounding_cost: Amount = ZERO
    external_ids: tuple[str, ...] = Field(
        default=(), description="Invoices of the destination that the plan would change"
    )


class PostingDoneData(BatchData):
    """Posted and read back: `posted` is what the destination returned."""

    kind: Literal["PostingDone"] = "PostingDone"
    plan: str
    hash: str = ""
    matches: bool = Field(default=True, description="False: read back otherwise than posted")
    created: int = Field(default=0, description="Invoices made")
    updated: int = Field(default=0, description="Invoices changed")
    unchanged: int = Field(default=0, description="1: all of it stood there already")
    external_ids: tuple[str, ...] = Field(default=(), description="Invoices of the destination")
    money: tuple[Entry, ...] = Field(default=(), description="Every kept line by its outcome")
    differences: tuple[Difference, ...] = Field(
        default=(), description="Lines that read back otherwise"
    )
    warnings: tuple[str, ...] = ()


class PostingRefusedData(BatchData):
    """Not planned, not applied or not undone: a stable code and one sentence."""

    kind: Literal["PostingRefused"] = "PostingRefused"
    plan: str
    hash: str = ""
    command: Literal["plan", "apply", "undo"] = Field(
        default="apply", description="undo: what was posted still stands"
    )
    code: str = Field(description="Stable: docs/runbook has a page for it")
    text: str = ""
    held: bool = Field(default=False, description="The money counts as held, not as refused")
    plan_again: bool = Field(default=False, description="The destination moved meanwhile")
    money: tuple[Entry, ...] = Field(default=(), description="Every kept line by its outcome")


class PostingUndoneData(BatchData):
    """Taken back at the destination: nothing of the batch stands there any more."""

    kind: Literal["PostingUndone"] = "PostingUndone"
    plan: str
    listed: tuple[str, ...] = Field(default=(), description="What undoing leaves behind")


class Received(BaseModel):
    """What was read of a document in one currency, from the distributor's own bytes."""

    model_config = ConfigDict(frozen=True)

    lines: int
    price: Amount
    cost: Amount


class DocumentHeldData(EventData):
    """The whole document waits: it was not read to its end, it changed, or nobody can tell."""

    document_date: str = Field(default="", description="YYYY-MM-DD, empty when it was not read")
    code: str = Field(description="document-incomplete, document-changed …: see docs/runbook")
    text: str = ""
    rows_read: int = 0
    rows_promised: int = Field(default=0, description="How many the distributor says there are")
    received: dict[str, Received] = Field(default={}, description="By currency; what was read")


class RunWaitingData(EventData):
    """The run goes no further by itself: a person approves new items, or plans."""

    waits_for: Literal["items", "plans"]
    approved: int = Field(default=0, description="Batches of the run approved before")
    second: int = Field(
        default=0, description="Plans that one person has approved, and another one has to"
    )


class RunEndedData(EventData):
    """Nothing of the run is under way any more; the statement says where every cent went."""

    tenant: str = ""  # the first events of this type had `run` and `statement` alone
    revision: int = 0
    source: str = ""
    document: str = ""
    document_date: str = ""
    problem: str | None = Field(
        default=None,
        description="The code of the document's hold; `superseded`: a later run reads it",
    )
    text: str = ""
    statement: Statement


class DocumentChangedData(EventData):
    """The distributor says something else of a document than before, e.g. Credited or Void."""

    document_date: str = Field(default="", description="YYYY-MM-DD")
    status_before: str = Field(description="As the distributor has it in its list")
    status: str


class CountsSyncedData(EventData):
    """The counts of one day were read and written, as far as nothing held them back."""

    document: str = Field(default="", description="Always empty: counts have no document")
    day: str = Field(description="YYYY-MM-DD, on the tenant's own calendar")
    mode: Literal["detailed", "quick"] = "detailed"
    asked: Literal["person", "schedule"] = "person"
    connection: str = Field(default="", description="The account at the destination, as a hash")
    organizations: int = Field(default=0, description="Seen at the source")
    created: int = Field(default=0, description="Licences made")
    updated: int = Field(default=0, description="Licences whose count was changed")
    unchanged: int = Field(default=0, description="Licences that had the right count")
    held: int = Field(default=0, description="Counts that wait for a person")
    refused: int = Field(default=0, description="Counts that the destination did not take")
    warnings: tuple[str, ...] = ()
    problem: str | None = Field(
        default=None, description="Why it could not go on; nothing was written then"
    )
    text: str = ""


class SetupProgressedData(EventData):
    """How far the set-up of a tenant is; a count is null as long as nobody knows it."""

    document: str = Field(default="", description="Always empty: a set-up has no document")
    stage: Literal["reading", "clients", "products", "ended"] = Field(
        description="What is being waited for now"
    )
    companies: int | None = Field(default=None, description="At the source")
    subscriptions: int | None = Field(default=None, description="At the source")
    clients: int | None = Field(default=None, description="At the destination")
    decided: int | None = Field(default=None, description="Companies that need no person")
    items: int | None = Field(default=None, description="Open at the destination")
    products: int | None = Field(default=None, description="That somebody subscribes to")
    matched: int | None = Field(default=None, description="Of those, with an item")
    problem: str | None = Field(default=None, description="Why it could not go on")
    text: str = ""
