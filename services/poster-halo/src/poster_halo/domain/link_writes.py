"""What is kept of links: what was planned by its hash, and the one write under way."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.counts import CountLink


class LinkWrite(BaseModel):
    """One recurring invoice being written (0: a new one); `hashes` are the changes on it.

    `lines` are the ids of the lines it had, `unnamed` those without a text, `foreign` the digest of
    what must stay of them.
    """

    model_config = ConfigDict(frozen=True)

    hashes: tuple[str, ...]
    client: int
    recurring: int = 0
    state: Literal["sending", "sent"] = "sending"
    started_at: str = ""
    looks: int = 0
    lines: tuple[int, ...] = ()
    unnamed: tuple[int, ...] = ()
    foreign: str = ""
    text: str = ""


class LinkWrites(BaseModel):
    """`planned`: the newest plan by hash. `ended`: what became of the changes of job `job`."""

    model_config = ConfigDict(frozen=True)

    fence: int = 0
    answered: str = ""
    job: str = ""
    planned: dict[str, CountLink] = {}
    ended: dict[str, CountLink] = {}
    writing: LinkWrite | None = None
