"""Huntress's words become ours: an organisation as listed, and as read by itself."""

from __future__ import annotations

from collections.abc import Mapping

from ingest_huntress.domain.counting import Detail
from ingest_huntress.domain.counting import Organization as Counted
from vendors import json
from vendors.huntress import Organization, OrganizationDetail, OrganizationRead, Usages
from vendors.huntress.lists import wrapped

SOURCE = "huntress"
_UNKNOWN_CHARS = 200


def as_listed(row: Organization, detail: Detail) -> Counted:
    """By the list's counters alone; `detail` says why there is no more."""
    return Counted(
        id=str(row.id),
        name=row.name,
        detail=detail,
        listed=row.list_counts(),
        seen=_seen(row, None),
        legacy=_legacy(row),
    )


def as_read(row: Organization, read: OrganizationRead | None) -> Counted:
    """With its own read, whose name and counters are newer; None: Huntress did not have it."""
    if read is None:
        return as_listed(row, "gone")
    found = read.organization
    usages = found.actual_usages
    if usages is None:
        return as_listed(found, "silent")
    return Counted(
        id=str(row.id),
        name=found.name or row.name,
        detail="read",
        listed=found.list_counts(),
        active=usages.counts(),
        seen=_seen(found, usages),
        unknown={name: _as_answered(value) for name, value in usages.unknown.items()},
        legacy=0 if usages.counts() else _legacy(found),
    )


def understood(raw: bytes) -> dict[str, int | None]:
    """Billable units by product in the answer about one organisation; none where it has no usages.

    Raises ValueError when it is no such answer.
    """
    usages = OrganizationDetail.model_validate(wrapped(raw, "organization")).actual_usages
    return usages.counts() if usages is not None else {}


def _seen(
    row: Organization | OrganizationDetail, usages: Usages | None
) -> dict[str, dict[str, int]]:
    """The numbers beside the billable ones, by product."""
    agents: dict[str, int | None] = {"agents": row.agents_count}
    found: dict[str, dict[str, int]] = {}
    if usages is not None and usages.edr is not None:
        agents |= {
            "unresponsive": usages.edr.unresponsive_agents_count,
            "outdated": usages.edr.outdated_agents_count,
            "isolated": usages.edr.isolated_agents_count,
        }
    found["edr"] = _known(agents)
    for product, tenants in (
        ("itdr", usages.itdr if usages else None),
        ("ispm", usages.ispm if usages else None),
    ):
        if tenants:
            totals = [tenant.total_identities_count or 0 for tenant in tenants]
            found[product] = {"tenants": len(tenants), "identities": sum(totals)}
    return found


def _known(numbers: Mapping[str, int | None]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number is not None}


def _legacy(row: Organization) -> int:
    return row.microsoft_365_users_count or 0 if row.only_legacy else 0


def _as_answered(value: object) -> str:
    return json.dumps(value).decode()[:_UNKNOWN_CHARS]
