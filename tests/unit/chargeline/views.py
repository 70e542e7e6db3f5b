"""A batch as a person sees it: it waits, and nothing is said of it but what a test says."""

from __future__ import annotations

from typing import Any

from gateway.queries import BatchView


def view(**changed: Any) -> BatchView:
    told: dict[str, Any] = {
        "batch": "b",
        "bill_to": "client:1",
        "currency": "USD",
        "client": 1,
        "client_name": "Acme",
        "progress": "held",
        "code": None,
        "text": "",
        "plan": None,
        "operations": 0,
        "external_ids": (),
        "created": 0,
        "updated": 0,
        "unchanged": 0,
        "warnings": (),
        "entries": (),
        "holds": (),
    }
    return BatchView(**(told | changed))
