"""Our references on destination documents, by generation and part; voided ones are burnt."""

from __future__ import annotations

from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Posting
from poster_halo.domain.shape import Plan
from schemas.ids import reference

GENERATIONS_MAX = 200
PARTS_MAX = 50
FURTHER = "#"


def own_documents(made: Plan, posting: Posting | None, observed: Observed) -> list[Document]:
    """Invoices of this batch: under our reference, or with lines of ours. Burns voided numbers."""
    there = bearing(made, posting, observed)
    while made.generation < GENERATIONS_MAX:
        if not there or any(not d.voided for d in there):
            break
        if posting is not None and posting.standing:
            break  # voided by a person: that is for `gone-at-destination` to say
        made.generation += 1
        there = bearing(made, posting, observed)
    found = {d.id: d for d in there if not d.voided}
    for document in made.documents.values():
        if not document.from_recurring and document.client == made.batch.client:
            found[document.id] = document
    made.documents.update(found)
    return [found[number] for number in sorted(found)]


def bearing(made: Plan, posting: Posting | None, observed: Observed) -> list[Document]:
    """The invoices under a reference of the plan's generation."""
    names = references_of(made, posting, observed)
    return [d for name in names for d in observed.by_reference.get(name, ())]


def references_of(made: Plan, posting: Posting | None, observed: Observed) -> list[str]:
    """Every reference that an invoice of this generation may bear; none if none of the document's
    is in sight, which spares a new document hundreds of digests."""
    batch = made.batch
    if batch.origin.prefix not in observed.prefixes:
        return []
    parts = {""} | {line.sold.order for line in made.lines if batch.policy_per_order}
    parts |= {p.part.partition(FURTHER)[0] for p in posting.parts} if posting else set()
    return [
        reference(batch.origin.prefix, batch.tenant, batch.plan, made.generation, numbered(part, n))
        for part in sorted(parts)
        for n in range(4)
    ]


def part_names(made: Plan, part: str, observed: Observed) -> list[str]:
    """All that the invoices of one part may bear; none, like `references_of`."""
    batch = made.batch
    if batch.origin.prefix not in observed.prefixes:
        return []
    return [
        reference(batch.origin.prefix, batch.tenant, batch.plan, made.generation, numbered(part, n))
        for n in range(PARTS_MAX)
    ]


def numbered(part: str, used: int) -> str:
    return f"{part}{FURTHER}{used + 1}" if used else part
