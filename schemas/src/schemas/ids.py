"""Ids are derived from what a thing is, so a replay mints nothing twice."""

from __future__ import annotations

import hashlib

_SEPARATOR = b"\x1f"


def digest(*parts: str | int, length: int = 32) -> str:
    """Hex digest over the parts, in order; `length` hex characters (4 bits each).

    Every part is preceded by its size, so ("ab", "c") and ("a", "bc") differ.
    """
    text = _SEPARATOR.join(b"%d:%b" % (len(raw), raw) for raw in (str(p).encode() for p in parts))
    return hashlib.sha256(text).hexdigest()[:length]


def derive_id(kind: str, *parts: str | int) -> str:
    """An id such as `batch_5f…` that depends on the kind and the parts alone."""
    return f"{kind}_{digest(kind, *parts)}"


def content_hash(content: bytes) -> str:
    """Hash that tells whether two bodies are the same bytes."""
    return hashlib.sha256(content).hexdigest()[:32]


def line_id(tenant: str, source: str, document: str, identity: str) -> str:
    """R3: tenant, source, document and the line's identity there (R4), no more."""
    return derive_id("line", tenant, source, document, identity)


def batch_id(tenant: str, source: str, document: str, bill_to: str, currency: str) -> str:
    """One bill-to's charges in one document and one currency."""
    return derive_id("batch", tenant, source, document, bill_to, currency)


def plan_id(batch: str, connection: str) -> str:
    """The plan of one batch at one destination account."""
    return derive_id("plan", batch, connection)


def reference_prefix(tenant: str, source: str, document: str) -> str:
    """What all references of one document start with, e.g. `CL-1a2b3c4d`."""
    return f"CL-{digest('document', tenant, source, document, length=8)}"


def reference(prefix: str, tenant: str, plan: str, generation: int, part: str = "") -> str:
    """Our reference on one destination document.

    Each undo raises the generation: voided numbers are burnt, and a look must not adopt them.
    `part` tells invoices of one plan apart (a selection, an order, lines released later).
    """
    return f"{prefix}-{digest('reference', tenant, plan, generation, part, length=12)}"
