"""Every message on the bus: its head, its topic, and what its body holds.

A head is at most 4 KiB; lines travel in the body (see `schemas.frame`). Commands are orders, facts
are in the past tense. A message grows by optional fields; anything else is a new class.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from schemas.money import ZERO, Amount
from schemas.settings import Behaviour, EffectivePolicy
from schemas.statement import Difference, Entry


class BodyRef(BaseModel):
    """A body that was too large for the message: where it lies in the store."""

    model_config = ConfigDict(frozen=True)

    digest: str
    size_bytes: int


class Head(BaseModel):
    """What every message says. `revision` comes from the tenant's one counter."""

    model_config = ConfigDict(frozen=True)

    topic: ClassVar[str]
    kind: str
    tenant: str
    run: str
    revision: int
    settings: str
    source: str = "pax8"
    document: str = ""
    body: BodyRef | None = None


class BatchHead(Head):
    """What every fact about one batch says. `content` is the hash of the batch as received."""

    batch: str
    bill_to: str
    currency: str
    content: str
    lines: int = 0
    chain: str | None = None  # R14: shared by documents that may replace one another
    replaces: tuple[str, ...] = ()  # older documents that a person says this one replaces


# ---- commands, from the gateway: runs.commanded.v1 -------------------------------------------


class ListDocuments(Head):
    """Look which documents the source has. Answer: DocumentsListed."""

    topic = "runs.commanded.v1"
    kind: Literal["ListDocuments"] = "ListDocuments"
    since: str | None = None  # ISO date, inclusive


class IngestDocument(Head):
    """Read one document and form its batches. Answer: DocumentRead and ChargesReceived.

    `stored`: form the batches from the stored pages, without a vendor call. `match_first`: when a
    company is neither mapped nor excluded, form nothing; DocumentRead names the companies.
    """

    topic = "runs.commanded.v1"
    kind: Literal["IngestDocument"] = "IngestDocument"
    stored: bool = False
    match_first: bool = True


class ReadDrafts(Head):
    """Store the source's draft items as a snapshot. Answer: DraftsRead."""

    topic = "runs.commanded.v1"
    kind: Literal["ReadDrafts"] = "ReadDrafts"
    month_offset: int = 1


class MatchCompanies(Head):
    """Match companies to clients by external id, then exact name. Body: list[Company].

    Answer: CompaniesMatched."""

    topic = "runs.commanded.v1"
    kind: Literal["MatchCompanies"] = "MatchCompanies"
    connection: str


class ResolveRun(Head):
    """Resolve all batches. Body: list[BatchEntry]. Answer: ChargesResolved or ChargesHeld."""

    topic = "runs.commanded.v1"
    kind: Literal["ResolveRun"] = "ResolveRun"
    connection: str


class CreateItems(Head):
    """Make the proposed items of the run. Body: list[str] of product keys. Answer: ItemsCreated."""

    topic = "runs.commanded.v1"
    kind: Literal["CreateItems"] = "CreateItems"
    connection: str


class PlanRun(Head):
    """Plan the batches against the destination as it stands. Body: list[BatchEntry].

    Answer: PostingPlanned for every batch."""

    topic = "runs.commanded.v1"
    kind: Literal["PlanRun"] = "PlanRun"
    connection: str
    invoice_date: str = ""


class ApplyRun(Head):
    """Apply approved plans. Body: list[ApprovedPlan]. Answer: PostingDone or PostingRefused."""

    topic = "runs.commanded.v1"
    kind: Literal["ApplyRun"] = "ApplyRun"
    connection: str
    canary: int = 1


class UndoPostings(Head):
    """Take plans back. Body: list[str] of plan ids. Answer: PostingUndone or PostingRefused."""

    topic = "runs.commanded.v1"
    kind: Literal["UndoPostings"] = "UndoPostings"
    connection: str


# ---- facts ------------------------------------------------------------------------------------


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
    """Each line kept, dropped, excluded, held or collapsed. Body: DecidedLines.

    `money` has the entries of everything that is not kept; `kept` what goes on to be billed."""

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


class CompaniesMatched(Head):
    """Body: list[CompanyMatch], one for every company asked about."""

    topic = "charges.resolved.v1"
    kind: Literal["CompaniesMatched"] = "CompaniesMatched"
    connection: str
    problem: str | None = None
    text: str = ""


class ChargesResolved(BatchHead):
    """Client and items are known. Body: ItemChoices, then DecidedLines (two sections)."""

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


class ChargesHeld(BatchHead):
    """The batch waits for a person. Body: list[Hold]."""

    topic = "charges.held.v1"
    kind: Literal["ChargesHeld"] = "ChargesHeld"
    connection: str
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
    already, `held`/`settled`/`refused` for the rest.
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


# ---- what bodies hold ---------------------------------------------------------------------------


class DocumentEntry(BaseModel):
    """One distributor document as listed."""

    model_config = ConfigDict(frozen=True)

    document: str
    date: str
    status: str = ""
    partner: str = ""
    currency: str = ""
    external: str = ""


class BatchEntry(BaseModel):
    """One batch as DocumentRead and the run commands name it."""

    model_config = ConfigDict(frozen=True)

    batch: str
    content: str
    revision: int
    bill_to: str
    currency: str
    lines: int = 0
    selection: tuple[str, ...] = ()  # line ids; empty = all (R13)


class Company(BaseModel):
    """A company of the source that no mapping decides, with the money behind it."""

    model_config = ConfigDict(frozen=True)

    company: str
    name: str = ""
    external: str | None = None
    lines: int = 0
    price: dict[str, Amount] = {}


class Suggestion(BaseModel):
    """A client or item that may be meant: score 0 to 100, and what speaks for it."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    score: int
    evidence: str


class CompanyMatch(BaseModel):
    """What matching found: a client with its evidence, or suggestions for a person."""

    model_config = ConfigDict(frozen=True)

    company: str
    name: str = ""
    client: int | None = None
    evidence: str = ""
    suggestions: tuple[Suggestion, ...] = ()


class Hold(BaseModel):
    """Something that waits for a person: a stable code, the record it is about, and the way out."""

    model_config = ConfigDict(frozen=True)

    code: str
    text: str
    company: str | None = None
    product_key: str | None = None
    name: str = ""
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO
    suggestions: tuple[Suggestion, ...] = ()


class ItemMade(BaseModel):
    """One product key after CreateItems: the item, or why there is none."""

    model_config = ConfigDict(frozen=True)

    product_key: str
    item: int | None = None
    code: str | None = None
    text: str = ""


class ApprovedPlan(BaseModel):
    """A plan and the hash that was approved: applying does exactly this or refuses."""

    model_config = ConfigDict(frozen=True)

    batch: str
    plan: str
    hash: str


COMMANDS: tuple[type[Head], ...] = (
    ListDocuments,
    IngestDocument,
    ReadDrafts,
    MatchCompanies,
    ResolveRun,
    CreateItems,
    PlanRun,
    ApplyRun,
    UndoPostings,
)
FACTS: tuple[type[Head], ...] = (
    DocumentsListed,
    DraftsRead,
    DocumentRead,
    ChargesReceived,
    ChargesNormalized,
    CompaniesMatched,
    ChargesResolved,
    ChargesHeld,
    ItemsCreated,
    PostingPlanned,
    PostingDone,
    PostingUndone,
    PostingRefused,
)
TOPICS: tuple[str, ...] = tuple(
    dict.fromkeys([m.topic for m in COMMANDS + FACTS] + ["billing.events.v1", Parked.topic])
)
