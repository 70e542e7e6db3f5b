"""A posting as stored: what of one batch stands where, as it was last read back."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.messages import BodyRef

PartState = Literal["sending", "sent", "posted", "undoing", "undone"]
OperationKind = Literal["create", "append", "replace"]

# line id → id at the destination, quantity, unit price, unit cost
PostedLines = dict[str, tuple[int, str, str, str]]


class Part(BaseModel):
    """What one operation wrote: one destination document.

    `key` is the operation's digest. `before` holds, as JSON, our lines that a replaced recurring
    invoice had (they are put back by an undo); `foreign` the digest of other people's lines,
    of which `unnamed` had no text.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: OperationKind
    state: PartState
    ext: int = 0
    reference: str = ""
    part: str = ""
    date: str = ""
    started_at: str = ""
    fence: int = 0
    looks: int = 0
    text: str = ""
    before: str = ""
    unnamed: tuple[int, ...] = ()
    foreign: str = ""
    foreign_lines: str = ""
    synced: str = ""
    lines: PostedLines = {}


class Posting(BaseModel):
    """One batch at one connection. `generation` rises with each undo.

    `applying` is the hash that is being applied, `operations` its operations' digests: after a
    crash what is left of them may go on, nothing else. `hashes` are the approved hash and, when
    only foreign lines changed, the one it became.
    """

    model_config = ConfigDict(frozen=True)

    plan: str
    batch: str
    connection: str
    source: str
    document: str
    bill_to: str
    currency: str
    content: str
    count: int = 0
    run: str = ""
    settings: str = ""
    revision: int = 0
    client: int = 0
    day: str = ""
    prefix: str = ""
    generation: int = 0
    fence: int = 0
    answered: str = ""  # the job that published what became of it
    state: Literal["open", "posted", "undone"] = "open"
    applying: str = ""
    operations: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    created_items: tuple[str, ...] = ()
    merged_at: BodyRef | None = None  # its decided lines, where some were merged into one

    def part(self, key: str) -> Part | None:
        """The part that the operation with that digest wrote."""
        return next((p for p in self.parts if p.key == key), None)

    def with_part(self, part: Part) -> Posting:
        """With that part put in or replaced."""
        others = tuple(p for p in self.parts if p.key != part.key)
        return self.model_copy(update={"parts": (*others, part)})

    def without(self, key: str) -> Posting:
        """Without the part of an operation that did not happen."""
        left = tuple(p for p in self.parts if p.key != key)
        return self.model_copy(update={"parts": left})

    @property
    def uncertain(self) -> tuple[Part, ...]:
        """Writes whose answer is not known."""
        return tuple(p for p in self.parts if p.state == "sending")

    @property
    def unread(self) -> tuple[Part, ...]:
        """Writes that were answered and not read back."""
        return tuple(p for p in self.parts if p.state == "sent")

    @property
    def standing(self) -> tuple[Part, ...]:
        """What was read back and not taken back."""
        return tuple(p for p in self.parts if p.state in ("posted", "undoing"))

    @property
    def stands(self) -> bool:
        """True while something of it is, or may be, at the destination."""
        return any(p.state != "undone" for p in self.parts)
