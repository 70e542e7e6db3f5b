"""What the bodies of messages hold, besides lines."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schemas.money import ZERO, Amount


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
    selection: tuple[str, ...] = ()  # the terms of a `Selection`; empty = all (R13)


class Company(BaseModel):
    """A company of the source that no mapping decides, with the money behind it."""

    model_config = ConfigDict(frozen=True)

    company: str
    name: str = ""
    external: str | None = None
    website: str = ""
    lines: int = 0
    price: dict[str, Amount] = {}
    name_doubled: bool = False  # another one of the source is called so: no match by its name


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


class ProductMatch(BaseModel):
    """What matching found for a product key: an item with its evidence, or suggestions."""

    model_config = ConfigDict(frozen=True)

    product_key: str
    name: str = ""
    item: int | None = None
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
