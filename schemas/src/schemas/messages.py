"""Every message on the bus: one import for heads, commands, facts and what bodies hold.

Commands are orders, facts are in the past tense. A message grows by optional fields; anything else
is a new class.
"""

from __future__ import annotations

from schemas.commands import (
    ApplyRun,
    CreateItems,
    IngestDocument,
    ListDocuments,
    MatchCompanies,
    PlanRun,
    ReadDrafts,
    ResolveRun,
    UndoPostings,
)
from schemas.entries import (
    ApprovedPlan,
    BatchEntry,
    Company,
    CompanyMatch,
    DocumentEntry,
    Hold,
    ItemMade,
    Suggestion,
)
from schemas.facts import (
    ChargesHeld,
    ChargesNormalized,
    ChargesReceived,
    ChargesResolved,
    CompaniesMatched,
    DocumentRead,
    DocumentsListed,
    DraftsRead,
    ItemsCreated,
    Parked,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)
from schemas.heads import BatchHead, BodyRef, Head

__all__ = [
    "COMMANDS",
    "FACTS",
    "TOPICS",
    "ApplyRun",
    "ApprovedPlan",
    "BatchEntry",
    "BatchHead",
    "BodyRef",
    "ChargesHeld",
    "ChargesNormalized",
    "ChargesReceived",
    "ChargesResolved",
    "CompaniesMatched",
    "Company",
    "CompanyMatch",
    "CreateItems",
    "DocumentEntry",
    "DocumentRead",
    "DocumentsListed",
    "DraftsRead",
    "Head",
    "Hold",
    "IngestDocument",
    "ItemMade",
    "ItemsCreated",
    "ListDocuments",
    "MatchCompanies",
    "Parked",
    "PlanRun",
    "PostingDone",
    "PostingPlanned",
    "PostingRefused",
    "PostingUndone",
    "ReadDrafts",
    "ResolveRun",
    "Suggestion",
    "UndoPostings",
]

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
