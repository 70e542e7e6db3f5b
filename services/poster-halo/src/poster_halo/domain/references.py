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
    while made.generation < GENERATIONS_MAX:
        names = references_of(made, posting, made.generation)
        there = [d for name in names for d in observed.by_reference.get(name, ())]
        if not there or any(not d.voided for d in there):
            break
        if posting is not None and posting.standing:
            break  # voided by a person: that is for `gone-at-destination` to say
        made.generation += 1
    names = references_of(made, posting, made.generation)
    found = {d.id: d for name in names for d in observed.by_reference.get(name, ()) if not d.voided}
    for document in made.documents.values():
        if not document.from_recurring and document.client == made.batch.client:
            found[document.id] = document
    made.documents.update(found)
    return [found[number] for number in sorted(found)]


def references_of(made: Plan, posting: Posting | None, generation: int) -> list[str]:
    """Every reference that an invoice of this generation may bear."""
    batch = made.batch
    parts = {""} | {line.order for line in made.lines if batch.policy_per_order}
    parts |= {p.part.partition(FURTHER)[0] for p in posting.parts} if posting else set()
    return [
        reference(batch.origin.prefix, batch.tenant, batch.plan, generation, numbered(part, n))
        for part in sorted(parts)
        for n in range(4)
    ]


def part_names(made: Plan, part: str) -> list[str]:
    batch = made.batch
    return [
        reference(batch.origin.prefix, batch.tenant, batch.plan, made.generation, numbered(part, n))
        for n in range(PARTS_MAX)
    ]


def numbered(part: str, used: int) -> str:
    return f"{part}{FURTHER}{used + 1}" if used else part
