"""The set-up of a tenant: who its customers are and what they have, matched before any invoice.

    reading ─▶ clients ─▶ products ─▶ ended

Each step ends with one fact; one that brings a problem ends the set-up. Facts of an older set-up,
or for a step that is over, change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.bodies import AtSource
from schemas.heads import BodyRef
from schemas.messages import CompaniesMatched, CompaniesRead, Company, ProductMatch, ProductsMatched
from schemas.settings import Settings

type Answer = CompaniesRead | CompaniesMatched | ProductsMatched


class SetupStage(StrEnum):
    """What is being waited for."""

    READING = "reading"  # companies and subscriptions at the source
    CLIENTS = "clients"  # listed at the destination and matched
    PRODUCTS = "products"  # the same of items
    ENDED = "ended"


class SetupStep(BaseModel):
    """One line of the checklist: how many of how many, null as long as nobody knows."""

    model_config = ConfigDict(frozen=True)

    name: Literal["companies", "subscriptions", "clients", "products"]
    state: Literal["waiting", "working", "done", "failed"] = "waiting"
    done: int | None = None
    of: int | None = None
    text: str = ""


class Setup(BaseModel):
    """One set-up. `problem`: the code of the step that could not go on."""

    model_config = ConfigDict(frozen=True)

    setup: str
    tenant: str
    revision: int
    settings: str
    connection: str
    source: str = "pax8"
    stage: SetupStage = SetupStage.READING
    begun_by: str = ""
    started_at: str = ""
    moved_at: str = ""  # when it last came a step further
    ended_at: str = ""
    problem: str | None = None
    text: str = ""
    companies: int | None = None  # at the source
    subscriptions: int | None = None
    clients: int | None = None  # at the destination
    decided: int | None = None  # companies that a mapping or an exclusion decides
    items: int | None = None  # open at the destination
    products: int | None = None  # product keys that somebody subscribes to
    matched: int | None = None  # of those, by rule or by our map
    at_source: BodyRef | None = None
    undecided: BodyRef | None = None  # list[CompanyMatch]
    unmatched: BodyRef | None = None  # list[ProductMatch]

    def awaits(self, fact: Answer) -> bool:
        """True for the answer to this set-up's step under way."""
        step = _STEP_OF[type(fact)]
        return (self.setup, self.revision, self.stage) == (fact.run, fact.revision, step)

    def failed(self, fact: Answer) -> Setup:
        """It ends with what the step says."""
        told = {"problem": fact.problem, "text": fact.text, "stage": SetupStage.ENDED}
        return self.model_copy(update=told)

    @property
    def steps(self) -> list[SetupStep]:
        """The checklist as it stands."""
        undecided = _left(self.companies, self.decided)
        return [
            self._step("companies", SetupStage.READING, self.companies, self.companies),
            self._step("subscriptions", SetupStage.READING, self.subscriptions, self.subscriptions),
            self._step(
                "clients",
                SetupStage.CLIENTS,
                self.decided,
                self.companies,
                f"HaloPSA says {self.clients}{undecided}" if self.clients is not None else "",
            ),
            self._step(
                "products",
                SetupStage.PRODUCTS,
                self.matched,
                self.products,
                f"HaloPSA says {self.items}{_left(self.products, self.matched)}"
                if self.items is not None
                else "",
            ),
        ]

    def _step(
        self,
        name: Literal["companies", "subscriptions", "clients", "products"],
        stage: SetupStage,
        done: int | None,
        of: int | None,
        text: str = "",
    ) -> SetupStep:
        if done is not None and (stage is not self.stage):
            return SetupStep(name=name, state="done", done=done, of=of, text=text)
        if self.stage is SetupStage.ENDED:
            failed = self.problem is not None and self._failed_in is stage
            state: Literal["failed", "waiting"] = "failed" if failed else "waiting"
            return SetupStep(name=name, state=state, of=of, text=self.text if failed else "")
        return SetupStep(name=name, state="working" if stage is self.stage else "waiting", of=of)

    @property
    def _failed_in(self) -> SetupStage:
        if self.companies is None:
            return SetupStage.READING
        return SetupStage.CLIENTS if self.clients is None else SetupStage.PRODUCTS


_STEP_OF: dict[type, SetupStage] = {
    CompaniesRead: SetupStage.READING,
    CompaniesMatched: SetupStage.CLIENTS,
    ProductsMatched: SetupStage.PRODUCTS,
}


def undecided(found: AtSource, settings: Settings, source: str) -> list[Company]:
    """Companies that are neither mapped nor left out (R3, R5)."""
    known = {m.company for m in settings.client if m.source == source and m.subscription is None}
    own = settings.own_companies(source) if settings.exclusions.own_company else ()
    return [c for c in found.companies if c.company not in known and c.company not in own]


def without_item(matches: Sequence[ProductMatch]) -> list[ProductMatch]:
    """Products that no rule found an item for."""
    return [match for match in matches if match.item is None]


def _left(of: int | None, done: int | None) -> str:
    if of is None or done is None or of == done:
        return ""
    return f"; {of - done} wait for a person"
