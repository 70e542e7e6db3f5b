"""What tells a document's lines apart (R4): the basis is fixed at the first read and kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Literal

Basis = Literal["ids", "fields"]


class Identities:
    """Gives each line its identity, in the document's order: two equal lines are two lines."""

    def __init__(self, basis: Basis) -> None:
        self._basis = basis
        self._seen: Counter[str] = Counter()

    def next(self, vendor_id: str | None, fields: Callable[[], str]) -> str:
        """The vendor's id, or the business fields and an ordinal among equals."""
        if self._basis == "ids" and vendor_id:
            return vendor_id
        name = fields()
        ordinal = self._seen[name]
        self._seen[name] = ordinal + 1
        return f"{name}#{ordinal}"


class LineIds:
    """`schemas.ids.line_id` for many lines of one document: the common part is hashed once."""

    def __init__(self, tenant: str, source: str, document: str) -> None:
        start = "".join(
            f"{len(part.encode())}:{part}\x1f" for part in ("line", tenant, source, document)
        )
        self._start = hashlib.sha256(start.encode())

    def of(self, identity: str) -> str:
        """The same id as line_id gives."""
        whole = self._start.copy()
        raw = identity.encode()
        whole.update(b"%d:%b" % (len(raw), raw))
        return f"line_{whole.hexdigest()[:32]}"


def basis_for(ids: Collection[str | None]) -> Basis:
    """Vendor ids if every line has a distinct one."""
    return "ids" if all(ids) and len(set(ids)) == len(ids) else "fields"


def set_digest(names: Iterable[str]) -> str:
    """A digest of a set of lines: the order in which they came does not matter."""
    text = "".join([f"{name}\x1f" for name in sorted(names)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
