"""Suggestions for mappings: what nobody has decided, with candidates; many accepted at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.errors import PermanentError
from gateway.rest.api import Configurer, Reader
from gateway.rest.changing import change_settings
from gateway.rest.paging import Cursor, Limit, Page, page_of
from gateway.rest.writing import WriteRoute
from gateway.suggestions import Kind, Undecided
from schemas.settings import ClientMapping, ProductMapping, Settings

router = APIRouter(route_class=WriteRoute, tags=["mappings"])

_ROWS_MAX = 1000


class Accepting(BaseModel):
    """One candidate that a person takes; `candidate` is its id at the destination."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    source: str = Field(default="pax8", pattern=r"^[a-z0-9-]{1,32}$")
    about: str = Field(min_length=1, max_length=200)
    candidate: int = Field(ge=0, le=2**53)


class AcceptingMany(BaseModel):
    """Those that are accepted: all of them, or none."""

    model_config = ConfigDict(extra="forbid")

    items: list[Accepting] = Field(min_length=1, max_length=_ROWS_MAX)


class Accepted(BaseModel):
    """What is mapped now by this write."""

    clients: list[ClientMapping]
    products: list[ProductMapping]


@router.get("/tenants/{tenant}/mappings/suggestions")
async def list_suggestions(
    caller: Reader,
    kind: Annotated[Kind | None, Query(description="Only companies, or only products.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Undecided]:
    """Companies and products that nobody has decided, most money first, each with candidates.

    Out of what was read already: no vendor is asked. Free choice is `PUT …/mappings/clients`.
    """
    every = await caller.api.gateway.suggestions.of(caller.tenant)
    rows = [one for one in every if kind is None or one.kind == kind]
    return page_of(rows, _key, cursor, limit)


@router.post("/tenants/{tenant}/mappings/accepted")
async def accept_suggestions(caller: Configurer, asked: AcceptingMany) -> Accepted:
    """Take candidates as mappings, all in one version of the settings.

    One that is not suggested any more (decided meanwhile, say) refuses the whole write.
    """
    every = await caller.api.gateway.suggestions.of(caller.tenant)
    there = {(one.kind, one.source, one.about): one for one in every}
    clients: dict[tuple[str, str], ClientMapping] = {}
    products: dict[tuple[str, str], ProductMapping] = {}
    for one in asked.items:
        evidence = f"accepted: {_evidence(one, there.get((one.kind, one.source, one.about)))}"
        place = (one.source, one.about)
        if one.kind == "client":
            clients[place] = ClientMapping(
                source=one.source, company=one.about, halo=one.candidate, evidence=evidence
            )
        else:
            products[place] = ProductMapping(
                source=one.source, product=one.about, halo=one.candidate, evidence=evidence
            )
    if len(clients) + len(products) < len(asked.items):
        raise PermanentError("request-invalid", "a company or product is named twice")

    def accepted(now: Settings) -> Settings:
        kept = [m for m in now.client if m.subscription or (m.source, m.company) not in clients]
        sold = [m for m in now.product if (m.source, m.product) not in products]
        return now.model_copy(
            update={
                "client": (*kept, *clients.values()),
                "product": (*sold, *products.values()),
            }
        )

    about = f"{len(clients)} clients, {len(products)} products"
    await change_settings(caller, "suggestions-accepted", about, accepted)
    return Accepted(clients=list(clients.values()), products=list(products.values()))


def _evidence(asked: Accepting, there: Undecided | None) -> str:
    for candidate in there.candidates if there else ():
        if candidate.id == asked.candidate:
            return candidate.evidence
    raise PermanentError(
        "suggestion-unknown",
        f"{asked.candidate} is not suggested for {asked.kind} {asked.about} (any more):"
        " read the suggestions again, or map it with PUT …/mappings",
    )


def _key(one: Undecided) -> str:
    return f"{one.kind}:{one.source}:{one.about}"
