"""What every message says in its head, at most 4 KiB; lines travel in the body."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


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
