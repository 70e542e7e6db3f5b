"""Commands: orders from the gateway, on runs.commanded.v1."""

from __future__ import annotations

from typing import Literal

from schemas.heads import Head


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


class ReadCompanies(Head):
    """Read the source's companies and what they subscribe to. Answer: CompaniesRead."""

    topic = "runs.commanded.v1"
    kind: Literal["ReadCompanies"] = "ReadCompanies"


class MatchProducts(Head):
    """Match products to items as a run would. Body: list[ProductUse]. Answer: ProductsMatched."""

    topic = "runs.commanded.v1"
    kind: Literal["MatchProducts"] = "MatchProducts"
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
