"""What stands at the destination, as it was listed: invoices, our lines on them, foreign lines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from poster_halo.domain.amounts import Amounts
from poster_halo.domain.stamps import Words, words_of
from schemas.ids import digest

Raw = dict[str, Any]

# Columns that HaloPSA fills by itself after a write; a change of them is nobody's edit.
_VOLATILE = frozenset({"xero_lineid", "sequenceid"})
_TEXT = "item_shortdescription"


@dataclass(slots=True)
class OurLine:
    """A line with our stamp, `line` being its first word.

    Its money is unit price x quantity in whole cents, unless the line's net says otherwise.
    """

    ext: int
    line: str
    stamp: str
    amounts: Amounts
    raw: Raw

    @property
    def words(self) -> Words:
        """The stamp as far as it goes: few ask for more than the line."""
        return words_of(self.stamp)

    @property
    def slot(self) -> str:
        return self.words[1]

    @property
    def prefix(self) -> str:
        """Of the references of its document."""
        return self.words[2]

    @property
    def day(self) -> str:
        """Its document's."""
        return self.words[3]

    @property
    def source(self) -> str:
        return self.words[4]

    @property
    def text(self) -> str:
        return str(self.raw.get("item_shortdescription") or "")

    @property
    def taxed(self) -> bool:
        return bool(self.raw.get("tax_rate")) or bool(self.raw.get("tax_amount"))


@dataclass(slots=True)
class Document:
    """One invoice, or one recurring invoice (`id` < 0)."""

    id: int
    client: int
    currency: int
    reference: str
    day: date | None
    voided: bool
    credit: bool
    posted: bool
    sent: bool
    approval: int
    review: bool
    paid: bool
    synced: str  # the accounts package's id and status
    last_synced: str
    from_recurring: int
    disabled: bool
    period: int
    next_creation: date | None
    ours: list[OurLine]
    foreign: list[Raw]
    lines: list[Raw]
    _digest: str = ""

    @property
    def foreign_digest(self) -> str:
        """Changes when somebody else's line does."""
        if not self._digest:
            self._digest = digest(*(_fixed(row) for row in self.foreign))
        return self._digest

    @property
    def unnamed(self) -> tuple[int, ...]:
        """Other people's lines without a text: HaloPSA gives them the item's at the next write."""
        return tuple(int(row["id"]) for row in self.foreign if not row.get(_TEXT))

    def foreign_digest_but(self, unnamed: tuple[int, ...]) -> str:
        """The same without the text of lines that had none."""
        if not unnamed:
            return self.foreign_digest
        rows = [{**row, _TEXT: ""} if row.get("id") in unnamed else row for row in self.foreign]
        return digest(*map(_fixed, rows))

    def status(self) -> tuple[Any, ...]:
        """What decides whether we may write on it."""
        return (
            self.client,
            self.currency,
            self.voided,
            self.posted,
            self.sent,
            self.approval,
            self.review,
            self.paid,
            self.synced,
            self.disabled,
            self.period,
        )


def _fixed(row: Raw) -> str:
    kept = {name: value for name, value in row.items() if name not in _VOLATILE}
    return json.dumps(kept, sort_keys=True, default=str)


@dataclass
class Observed:
    """One look. Copies are invoices that HaloPSA made from a recurring invoice."""

    today: date
    since: date
    documents: dict[int, Document] = field(default_factory=dict)
    currencies: Mapping[str, int] = field(default_factory=dict)
    control: Mapping[str, Any] = field(default_factory=dict)
    by_line: dict[str, list[tuple[Document, OurLine]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    by_reference: dict[str, list[Document]] = field(default_factory=lambda: defaultdict(list))
    by_client: dict[int, list[Document]] = field(default_factory=lambda: defaultdict(list))
    copies: dict[int, list[Document]] = field(default_factory=lambda: defaultdict(list))
    prefixes: set[str] = field(default_factory=set)  # of references; none is ever taken out

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents in; one met before is replaced."""
        for document in documents:
            if document.id in self.documents:
                self._forget(self.documents[document.id])
            self.documents[document.id] = document
            for line in document.ours:
                self.by_line[line.line].append((document, line))
            if document.id < 0:
                continue
            self.by_client[document.client].append(document)
            if document.from_recurring:
                self.copies[document.from_recurring].append(document)
            elif document.reference:
                self.by_reference[document.reference].append(document)
            self.prefixes.add(document.reference.rpartition("-")[0])

    def _forget(self, old: Document) -> None:
        for line in old.ours:
            self.by_line[line.line] = [p for p in self.by_line[line.line] if p[0] is not old]
        for shelf in (
            self.by_client.get(old.client, []),
            self.copies.get(old.from_recurring, []),
            self.by_reference.get(old.reference, []),
        ):
            shelf[:] = [d for d in shelf if d is not old]

    def live(self, line: str) -> list[tuple[Document, OurLine]]:
        """Where that line stands: neither on voided invoices nor on copies of what stands."""
        hits = self.by_line.get(line)
        if not hits:
            return []
        return [(d, o) for d, o in hits if not d.voided and not d.from_recurring]

    def copied(self, line: str) -> list[tuple[Document, OurLine]]:
        """The invoices made from a recurring invoice that carry it: it is billed there."""
        hits = self.by_line.get(line)
        return [(d, o) for d, o in hits or () if d.from_recurring and not d.voided]
