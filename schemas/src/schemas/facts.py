"""Facts: what services publish, in the past tense."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from schemas.heads import BatchHead, BodyRef, Head
from schemas.money import ZERO, Amount
from schemas.settings import Behaviour, EffectivePolicy
from schemas.statement import Difference, Entry


class DocumentsListed(Head):
    """Body: list[DocumentEntry], oldest first."""

    topic = "documents.read.v1"
    kind: Literal["DocumentsListed"] = "DocumentsListed"
    problem: str | None = None
    text: str = ""


class DraftsRead(Head):
    """A snapshot of draft items is stored under `snapshot`."""

    topic = "documents.read.v1"
    kind: Literal["DraftsRead"] = "DraftsRead"
    snapshot: str = ""
    rows_read: int = 0
    rows_promised: int = 0
    problem: str | None = None
    text: str = ""


class DocumentRead(Head):
    """A document is stored and its batches are formed.

    `problem` is a code (`document-incomplete`, `document-changed`, `document-empty`,
    `document-unreadable` …) that holds the whole document; `text` says what is wrong
    and what to do.
    Body: {"batches": list[BatchEntry], "companies": list[Company] not decided yet}.
    """

    topic = "documents.read.v1"
    kind: Literal["DocumentRead"] = "DocumentRead"
    rows_read: int = 0
    rows_promised: int = 0
    batches: int = 0
    unmatched: int = 0  # companies neither mapped nor excluded; > 0 under match_first: no batches
    pages: int = 0
    document_date: str = ""
    partner: str = ""
    status: str = ""
    problem: str | None = None
    text: str = ""


class CompaniesRead(Head):
    """The source's companies and the products of its subscriptions; each list was read whole.

    Body: {"companies": list[Company], "products": list[ProductUse]}.
    """

    topic = "documents.read.v1"
    kind: Literal["CompaniesRead"] = "CompaniesRead"
    companies: int = 0
    subscriptions: int = 0
    problem: str | None = None
    text: str = ""


class ChargesReceived(BatchHead):
    """One batch as received. Body: ChargeLines."""

    topic = "charges.received.v1"
    kind: Literal["ChargesReceived"] = "ChargesReceived"
    policy: EffectivePolicy
    client: int | None = None  # the mapped destination client
    recurring: int | None = None
    exclude: str | None = (
        None  # a reason that excludes the whole batch: excluded-client, own-company…
    )
    hold: str | None = None  # a code that holds the whole batch: company-missing, batch-too-large…
    document_date: str = ""
    period: str = ""
    price: Amount = ZERO  # the sums of the lines, also of a batch too large to carry them
    cost: Amount = ZERO


class ChargesNormalized(BatchHead):
    """Each line kept, dropped, excluded, held or collapsed. Body: DecidedLines, then Uses.

    `money` has the entries of everything that is not kept; `kept` what goes on to be billed.
    With `lines_at` the first section is empty: the lines lie in the store, where whoever needs
    them finds them, and the messages that pass them on carry the reference.
    """

    topic = "charges.normalized.v1"
    kind: Literal["ChargesNormalized"] = "ChargesNormalized"
    policy: EffectivePolicy
    client: int | None = None
    recurring: int | None = None
    hold: str | None = None
    document_date: str = ""
    period: str = ""
    money: tuple[Entry, ...] = ()
    kept_lines: int = 0
    kept_price: Amount = ZERO
    kept_cost: Amount = ZERO
    collapsed: int = 0  # members that were merged, and into how many kept lines
    merged: int = 0
    lines_at: BodyRef | None = None


class CompaniesMatched(Head):
    """Body: list[CompanyMatch], one for every company asked about."""

    topic = "charges.resolved.v1"
    kind: Literal["CompaniesMatched"] = "CompaniesMatched"
    connection: str
    listed: int | None = None  # clients at the destination; None: nobody said
    problem: str | None = None
    text: str = ""


class ProductsMatched(Head):
    """Body: list[ProductMatch], one for every product asked about. `listed`: open items there."""

    topic = "charges.resolved.v1"
    kind: Literal["ProductsMatched"] = "ProductsMatched"
    connection: str
    listed: int = 0
    problem: str | None = None
    text: str = ""


class ChargesResolved(BatchHead):
    """Client and items are known. Body: ItemChoices, then DecidedLines, or none with `lines_at`."""

    topic = "charges.resolved.v1"
    kind: Literal["ChargesResolved"] = "ChargesResolved"
    connection: str
    policy: EffectivePolicy
    client: int
    client_name: str = ""
    site: int | None = None
    bill_client: int | None = None  # HaloPSA bills this client through another one
    recurring: int | None = None
    document_date: str = ""
    period: str = ""
    kept_lines: int = 0
    kept_price: Amount = ZERO
    kept_cost: Amount = ZERO
    proposed: int = 0  # items that CreateItems would make
    warnings: tuple[str, ...] = ()
    lines_at: BodyRef | None = None  # as the normalizer said


class ChargesHeld(BatchHead):
    """The batch waits for a person. Body: list[Hold]."""

    topic = "charges.held.v1"
    kind: Literal["ChargesHeld"] = "ChargesHeld"
    connection: str
    client_name: str = ""  # of the destination client it is mapped to, where that one is known
    code: str
    text: str = ""
    held_lines: int = 0
    held_price: Amount = ZERO
    held_cost: Amount = ZERO


class ItemsCreated(Head):
    """Body: dict of product key to ItemMade."""

    topic = "items.created.v1"
    kind: Literal["ItemsCreated"] = "ItemsCreated"
    connection: str
    created: int = 0
    failed: int = 0


class PostingPlanned(BatchHead):
    """What applying would do. Body: the plan (poster's own shape, shown by the plan view).

    `money` splits the kept lines: `pending` for what applying would post, `posted` for what stands
    already, `held`/`settled`/`refused` for the rest. `taken` comes off all entries told so far,
    the normalizer's too: what of them stands, and is in `money` as `posted`. A `posted` entry with
    a reason waits for a person: it stands, and today's decisions would not post it.
    """

    topic = "postings.planned.v1"
    kind: Literal["PostingPlanned"] = "PostingPlanned"
    connection: str
    plan: str
    hash: str = ""
    behaviour: Behaviour = "new"
    client: int | None = None
    client_name: str = ""
    operations: int = 0  # 0: nothing to do
    creates: int = 0
    updates: int = 0
    code: str | None = None  # why the batch, or a part of it, is held
    text: str = ""
    warnings: tuple[str, ...] = ()
    money: tuple[Entry, ...] = ()
    taken: tuple[Entry, ...] = ()
    rounding_price: Amount = ZERO
    rounding_cost: Amount = ZERO
    external_ids: tuple[str, ...] = ()


class PostingDone(BatchHead):
    """Applied and read back. `posted` entries are what the destination returned.

    `differences` names the lines that read back otherwise than posted (`matches` is False then).
    """

    topic = "postings.done.v1"
    kind: Literal["PostingDone"] = "PostingDone"
    connection: str
    plan: str
    hash: str = ""
    matches: bool = True
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    external_ids: tuple[str, ...] = ()
    money: tuple[Entry, ...] = ()
    taken: tuple[Entry, ...] = ()
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()


class PostingUndone(BatchHead):
    """Taken back at the destination; `listed` names what undoing leaves behind."""

    topic = "postings.done.v1"
    kind: Literal["PostingUndone"] = "PostingUndone"
    connection: str
    plan: str
    listed: tuple[str, ...] = ()


class PostingRefused(BatchHead):
    """Not applied, or not undone: a stable code and one sentence."""

    topic = "postings.refused.v1"
    kind: Literal["PostingRefused"] = "PostingRefused"
    connection: str
    plan: str
    hash: str = ""
    command: Literal["plan", "apply", "undo"] = "apply"
    code: str
    text: str = ""
    held: bool = False  # True: money counts as held(code); False: as refused(code)
    plan_again: bool = False  # `moved`
    money: tuple[Entry, ...] = ()
    taken: tuple[Entry, ...] = ()


class Parked(BaseModel):
    """Notice that a message was parked; its bytes are in the store."""

    model_config = ConfigDict(frozen=True)

    topic: ClassVar[str] = "parked.v1"
    kind: Literal["Parked"] = "Parked"
    tenant: str
    parked: str
    group: str
    origin: str  # the topic it came from
    key: str
    code: str
    text: str = ""
