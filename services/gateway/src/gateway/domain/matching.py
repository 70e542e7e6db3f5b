"""A match by rule is a decision like a person's, with its evidence; a person's stands (R3)."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.entries import CompanyMatch
from schemas.settings import ClientMapping, Settings


def with_matches(settings: Settings, source: str, matches: Sequence[CompanyMatch]) -> Settings:
    """The settings with a mapping for every company that was matched and has none."""
    known = {(row.source, row.company) for row in settings.client if row.subscription is None}
    rows = tuple(
        ClientMapping(source=source, company=m.company, halo=m.client, evidence=m.evidence)
        for m in matches
        if m.client is not None and (source, m.company) not in known
    )
    return settings.model_copy(update={"client": settings.client + rows}) if rows else settings
