"""R10: which invoice is the client's latest, and why we may not write on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from poster_halo.domain.observed import Document, Observed

_EDITABLE_IN_XERO = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})


def latest_invoice(observed: Observed, client: int, days: int) -> Document | None:
    """The greatest invoice date, then id; not voided, not a credit note, not older than `days`."""
    oldest = observed.today - timedelta(days=days)
    candidates = [
        (document.day, document.id, document)
        for document in observed.by_client.get(client, ())
        if not document.voided
        and not document.credit
        and document.day is not None
        and document.day >= oldest
    ]
    return max(candidates, key=lambda c: c[:2])[2] if candidates else None


def why_not_open(
    document: Document, client: int, currency: int, control: Mapping[str, Any]
) -> str | None:
    """None: it is open. What is not known (rights, enum values) counts as closed."""
    editable = control.get("donotalloweditingpostedinvoices") is False
    status = document.synced.rpartition(" ")[2].upper()
    reasons = (
        (document.voided, "it is voided"),
        (document.client != client, f"it is billed to client {document.client}"),
        (currency and document.currency != currency, "it is in another currency"),
        (document.paid, "it is paid, in part at least"),
        (document.sent, "it was sent to the customer"),
        (document.approval != 0, f"it is approved or in approval ({document.approval})"),
        (document.review, "it waits for review"),
        (document.posted and not editable, "it is posted to the accounts and locked"),
        (document.synced and status not in _EDITABLE_IN_XERO, f"it is {status} in Xero"),
    )
    return next((why for applies, why in reasons if applies), None)
