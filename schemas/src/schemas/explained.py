"""What explain says: one answer a source line, recomputed, as a person or a machine reads it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.money import Amount

Outcome = Literal["posted", "collapsed", "dropped", "held", "excluded"]
OUTCOMES: tuple[Outcome, ...] = ("posted", "collapsed", "dropped", "held", "excluded")

RAW_ALTERED = "raw-altered"


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class AsReceived(_Said):
    """The line in the source's figures."""

    type: str = ""
    term: str = ""
    name: str = ""
    text: str = ""
    order: str | None = None
    start: date | None = None
    end: date | None = None  # as the source wrote it
    quantity: Amount | None = None
    price: Amount | None = None
    total: Amount | None = None
    cost: Amount | None = None
    cost_total: Amount | None = None


class CountedOn(_Said):
    """The snapshot that a line bills (R21): the day that the rule chose, and what was read then.

    `raw` are the units in the stored answer of that day, read again; None: there is none for it.
    `before` is the last count that had been let through.
    """

    day: str
    rule: str
    mode: str
    read_at: str
    read_from: str
    count: int
    before: int | None = None
    raw: int | None = None
    seen: dict[str, int] = {}


class Rule(_Said):
    """One rule that was asked about the line, in order; `level` is where its value was set."""

    rule: str
    fired: bool
    level: str | None = None
    why: str = ""


class MappedTo(_Said):
    """Who is billed for the line's company, and what decided it."""

    client: int
    client_name: str = ""
    billed_through: int | None = None  # HaloPSA bills the client through this one
    recurring: int | None = None
    by: Literal["company", "subscription"] = "company"
    evidence: str = ""


class SoldAs(_Said):
    """The item of the line's product; `item` None: none is used, or it is not made yet."""

    product_key: str
    item: int | None = None
    name: str = ""
    evidence: str = ""
    to_be_created: bool = False


class BilledAs(_Said):
    """R1: the destination's figures. `restated`: they are not the source's own, see `text`."""

    quantity: Amount
    price: Amount
    cost: Amount
    total: Amount
    cost_total: Amount
    restated: bool = False
    text: str = ""


class LineExplained(_Said):
    """One line. `problem` (`raw-altered`) means that its stored bytes are not what was read, so
    nothing is said about it: `outcome` is None then."""

    line: str
    document: str
    vendor_id: str | None = None
    page: int | None = None  # counted from 1; None for a merged line, which the source never had
    row: int | None = None
    company: str = ""
    company_name: str = ""
    subscription: str | None = None
    currency: str = ""
    batch: str = ""
    bill_to: str = ""
    counted: CountedOn | None = None
    received: AsReceived | None = None
    outcome: Outcome | None = None
    rule: str | None = None
    level: str | None = None
    text: str = ""
    rules: tuple[Rule, ...] = ()
    warnings: tuple[str, ...] = ()
    mapping: MappedTo | None = None
    behaviour: str = ""
    product: SoldAs | None = None
    billed: BilledAs | None = None
    into: str | None = None
    members: tuple[str, ...] = ()
    problem: str | None = None
    stands: str | None = None  # what a run says became of it, where somebody asked a run


class PageProblem(_Said):
    """Stored bytes outside the rows that are not what was read, or a page that is not there."""

    code: str
    page: int
    text: str


class DocumentExplained(_Said):
    """All lines of one document under one settings version.

    `lines` are the source's, in its order; `merged` those that Azure charges were merged into.
    """

    schema_version: Literal[1] = 1
    source: str
    document: str
    settings: str
    date: str = ""
    outcomes: dict[str, int] = {}
    lines: tuple[LineExplained, ...] = ()
    merged: tuple[LineExplained, ...] = ()
    problems: tuple[PageProblem, ...] = ()

    @property
    def sound(self) -> bool:
        """Every stored byte is what was read, so every line could be explained."""
        return not self.problems and not any(line.problem for line in (*self.lines, *self.merged))
