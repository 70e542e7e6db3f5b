"""The shape of a plan: operations, what stands, what is held, and the hashes (R16)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from poster_halo.domain.amounts import Amounts
from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import Document, OurLine
from poster_halo.domain.stamps import Origin
from poster_halo.domain.strays import Stray, taken_by
from schemas.ids import digest
from schemas.money import plain
from schemas.settings import ClientMapping, EffectivePolicy
from schemas.statement import Entry


@dataclass(frozen=True, slots=True)
class Batch:
    """What a plan knows of its batch besides the lines. `client` is the one that is billed."""

    tenant: str
    plan: str
    document: str
    currency: str
    client: int
    policy: EffectivePolicy
    origin: Origin
    recurring: int | None = None
    selected: bool = False
    latest_days: int = 35
    beside: bool = False  # R14: a difference to what was billed goes out by itself
    replaced: frozenset[str] = frozenset()  # prefixes: their lines give way in place
    row: ClientMapping | None = None  # a mapping that names the client

    @property
    def policy_per_order(self) -> bool:
        """R9: an invoice per purchase order instead of per client."""
        return self.policy.one_invoice_per == "order"

    @property
    def behaviour_is_in_place(self) -> bool:
        """R11: the lines on the recurring invoice are exactly this document's."""
        return self.policy.behaviour == "recurring" and self.recurring is not None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Lines that other records know of.

    `connections` stand at another account by its own posting records; `wanted` are wanted by other
    batches of the same document (remapped after they were posted); None: not asked yet. `strays`
    stand although this batch would not post them.
    """

    connections: Collection[str] = ()
    wanted: Collection[str] | None = None
    strays: Sequence[Stray] = ()


NOWHERE = Elsewhere()


@dataclass(slots=True)
class Change:
    """One line of ours to add, change (`there` is what it was) or remove."""

    kind: Literal["add", "change", "remove"]
    want: Desired | None
    there: OurLine | None = None


@dataclass(slots=True)
class Operation:
    """One write. `beside` names the first invoice of the batch when this is a further one."""

    kind: Literal["create", "append", "replace"]
    target: Document | None
    reference: str
    part: str
    changes: list[Change]
    beside: int = 0
    credit: bool = False
    _digest: str = ""

    @property
    def digest(self) -> str:
        """What it does, whatever else stands there."""
        if not self._digest:
            rows = "\n".join(_row(change) for change in self.changes)
            target = self.target.id if self.target else 0
            self._digest = digest(self.kind, target, self.reference, rows)
        return self._digest


@dataclass(slots=True)
class Plan:
    """What applying would do. `code` holds the whole batch; `held` has each held line's code."""

    batch: Batch
    lines: list[Desired]
    operations: list[Operation] = field(default_factory=list)
    standing: dict[str, OurLine] = field(default_factory=dict)
    documents: dict[int, Document] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    text: str = ""
    warnings: list[str] = field(default_factory=list)
    generation: int = 0
    extras: list[str] = field(default_factory=list)
    strays: Sequence[Stray] = ()
    billed: bool | None = None
    _own: str = ""

    @property
    def own_hash(self) -> str:
        """Operations, target and preconditions, without other people's lines."""
        if not self._own:
            seen = [_seen(o.target) for o in self.operations if o.target is not None]
            operations = [o.digest for o in self.operations]
            self._own = digest(
                self.batch.plan, self.batch.client, self.code or "", *operations, *seen
            )
        return self._own

    @property
    def staying(self) -> list[Stray]:
        """The strays that it does not take away itself."""
        going = {c.there.ext for o in self.operations for c in o.changes if c.there is not None}
        return [stray for stray in self.strays if stray.there.ext not in going]

    @property
    def taken(self) -> tuple[Entry, ...]:
        """What the staying ones would be told as if they did not stand."""
        return taken_by(self.staying, self.code)

    @property
    def hash(self) -> str:
        """What is approved: `own_hash` and a digest of foreign lines."""
        foreign = [o.target.foreign_digest for o in self.operations if o.target is not None]
        return digest(self.own_hash, *foreign)

    def hold(self, code: str, text: str, lines: list[Desired]) -> None:
        """These lines wait for a person."""
        for line in lines:
            self.held[line.id] = code
        self.text = self.text or text
        self.code = self.code or code

    def warn(self, code: str) -> None:
        """Said once."""
        if code not in self.warnings:
            self.warnings.append(code)


def seen_digest(document: Document) -> str:
    """The preconditions on a target that are not foreign lines."""
    return digest(_seen(document))


def _seen(document: Document) -> str:
    ours = [(o.ext, o.line, *_normal(o.amounts)) for o in document.ours]
    return repr((document.id, document.status(), sorted(ours)))


def _normal(amounts: Amounts) -> tuple[str, str]:
    return plain(amounts.quantity.normalize()), plain(amounts.price.normalize())


def _row(change: Change) -> str:
    there = change.there.ext if change.there else 0
    want = change.want
    if want is None:
        return f"{change.kind}|{there}"
    return f"{change.kind}|{there}|{want.id}|{want.sold.row}"
