"""Notes about an answer of Huntress as it is kept, and the bytes that they are about."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from ingest_huntress.domain.snapshot import day_key


class Notes(BaseModel):
    """`reading` is the job that read it; `there` False: Huntress did not have it."""

    model_config = ConfigDict(frozen=True)

    reading: str
    at: str
    token: str | None = None  # the page that was asked for
    there: bool = True
    counts: dict[str, int | None] = {}  # units by product, as understood then
    digest: str = ""

    def fits(self, raw: bytes) -> bool:
        """Whether the bytes are those that came."""
        return self.digest == digest_of(raw)


def parted(body: bytes) -> tuple[Notes, bytes]:
    """A record's notes and the bytes as they came."""
    line, _, raw = body.partition(b"\n")
    return Notes.model_validate_json(line), raw


def digest_of(raw: bytes) -> str:
    """What the notes keep of the bytes."""
    return hashlib.sha256(raw).hexdigest()[:32]


def answer_key(day: str, name: str) -> str:
    """Answers lie under their day."""
    return f"{day_key(day)}/{name}"


def organization_answer(organization: int) -> str:
    """The name of one organisation's own read; names sort as the ids do."""
    return f"organization/{organization:020d}"
