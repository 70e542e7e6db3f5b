"""Which lines are Azure: the signs that the Pax8 sheet names, in the order of their certainty."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from normalizer.domain.rows import ChargeRow
from schemas.charges import normal_term

ARREARS = "arrears"
_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Seats that carry the word in their name and are no usage.
_SEATS = re.compile(r"active directory|information protection|azure ad\b|azure advanced threat")


class Azure:
    """Recognises what the two Azure modifiers apply to, under one scope."""

    def __init__(
        self,
        products: Iterable[str],
        sku_prefixes: Iterable[str],
        scope: Literal["azure_only", "all_arrears"],
    ) -> None:
        self._products = frozenset(products)
        self._prefixes = tuple(prefix.upper() for prefix in sku_prefixes if prefix)
        self._all_arrears = scope == "all_arrears"

    def covers(self, row: ChargeRow) -> bool:
        """True for what the scope means: Azure, or whatever is billed after the fact."""
        if self._all_arrears and normal_term(row.get("term", "")) == ARREARS:
            return True
        return self.recognises(row)

    def recognises(self, row: ChargeRow) -> bool:
        """True for Azure consumption, whatever type the line has."""
        if self._products and row.get("product") in self._products:
            return True
        if self._prefixes and (row.get("sku") or "").upper().startswith(self._prefixes):
            return True
        return _says_azure(
            row.get("name"), row.get("text"), row.get("details"), row.get("vendor"), row.get("term")
        )


@lru_cache(maxsize=4096)
def _says_azure(
    name: str | None, text: str | None, details: str | None, vendor: str | None, term: str | None
) -> bool:
    """Many lines say the same: they are read once."""
    text = text or ""
    words = text.lower() if not details or details == text else f"{text}\n{details}".lower()
    if "azure" in words and ("arrears charge" in words or _GUID.search(words)):
        return True
    name = (name or "").lower()
    if "azure" not in name:
        return False
    arrears = normal_term(term or "") == ARREARS
    vendor = (vendor or "").lower()
    if not vendor:  # older data has no vendor
        return arrears
    return vendor.startswith("microsoft") and (arrears or not _SEATS.search(name))
