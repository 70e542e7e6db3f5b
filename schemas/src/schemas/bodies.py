"""What the body of each message holds: one type a section (see `schemas.frame`).

A body grows by sections at its end: what an older one lacks, its reader works out.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from schemas import messages as m
from schemas.charges import ChargeLines, DecidedLines, ItemChoices
from schemas.counts import AcceptedCounts, CountLinks, CountRows, Counts
from schemas.uses import ProductUse, Uses


class DocumentBatches(BaseModel):
    """The body of DocumentRead: the batches formed, and the companies that nothing decides yet."""

    batches: list[m.BatchEntry] = []
    companies: list[m.Company] = []


class AtSource(BaseModel):
    """The body of CompaniesRead: a product once for each term in which somebody has it."""

    companies: list[m.Company] = []
    products: list[ProductUse] = []


_BATCHES: TypeAdapter[Any] = TypeAdapter(list[m.BatchEntry])
_STRINGS: TypeAdapter[Any] = TypeAdapter(list[str])

# A message that is not here has no body. The plan in PostingPlanned is the poster's own shape:
# others pass it on and show it, so its schema is any JSON object.
BODIES: dict[type[m.Head], tuple[TypeAdapter[Any], ...]] = {
    m.MatchCompanies: (TypeAdapter(list[m.Company]),),
    m.MatchProducts: (TypeAdapter(list[ProductUse]),),
    m.ResolveRun: (_BATCHES,),
    m.CreateItems: (_STRINGS,),
    m.PlanRun: (_BATCHES,),
    m.ApplyRun: (TypeAdapter(list[m.ApprovedPlan]),),
    m.UndoPostings: (_STRINGS,),
    m.SyncCounts: (AcceptedCounts,),
    m.LinkCounts: (_STRINGS,),
    m.DocumentsListed: (TypeAdapter(list[m.DocumentEntry]),),
    m.DocumentRead: (TypeAdapter(DocumentBatches),),
    m.CompaniesRead: (TypeAdapter(AtSource),),
    m.ChargesReceived: (ChargeLines,),
    m.ChargesNormalized: (DecidedLines, TypeAdapter(Uses)),
    m.CompaniesMatched: (TypeAdapter(list[m.CompanyMatch]),),
    m.ProductsMatched: (TypeAdapter(list[m.ProductMatch]),),
    m.ChargesResolved: (ItemChoices, DecidedLines),
    m.ChargesHeld: (TypeAdapter(list[m.Hold]),),
    m.ItemsCreated: (TypeAdapter(dict[str, m.ItemMade]),),
    m.PostingPlanned: (TypeAdapter(dict[str, Any]),),
    m.CountsReceived: (Counts,),
    m.CountsResolved: (TypeAdapter(m.ResolvedCounts),),
    m.CountsPosted: (CountRows,),
    m.CountLinksPlanned: (CountLinks,),
}
