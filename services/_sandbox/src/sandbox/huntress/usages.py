"""`actual_usages` in its several forms, and what a change of a product's units does to it."""

from typing import Any

from sandbox.core import Row, dumps, loads

COUNTERS = {
    "edr": "agents_count",
    "itdr": "billable_identity_count",
    "sat": "sat_learner_count",
    "siem": "logs_sources_count",
}
PRODUCTS = ("edr", "itdr", "ispm", "sat", "siem")
WORDS = {"organization", "day", "set", "delete", *PRODUCTS}


def checked(asked: Row) -> None:
    if unknown := sorted(asked.keys() - WORDS):
        raise ValueError(f"unknown words {unknown}; known: {sorted(WORDS)}")


def changed(row: Row, asked: Row) -> Row | None:
    """The row after a change; None: it is deleted. A product that is null is no longer active."""
    if asked.get("delete"):
        return None
    row = {**row, **asked.get("set", {})}
    products = [product for product in PRODUCTS if product in asked]
    if not products:
        return row
    given = row.get("actual_usages")
    usages = dict(loads(given) if isinstance(given, str) else given or {})
    for product in products:
        units = asked[product]
        if units is None:
            usages.pop(product, None)
        else:
            usages[product] = with_units(product, usages.get(product), int(units))
        if product in COUNTERS:
            row[COUNTERS[product]] = int(units or 0)
    return row | {"actual_usages": dumps(usages).decode() if isinstance(given, str) else usages}


def with_units(product: str, old: Any, units: int) -> Any:
    """A product's block with so many billable units; of several tenants the first one moves."""
    if product == "edr":
        base = {"unresponsive_agents_count": 0, "outdated_agents_count": 0}
        base |= {"isolated_agents_count": 0}
        return base | (old or {}) | {"billable_agents_count": units}
    if product == "sat":
        return (old or {}) | {"learners_count": units}
    if product == "siem":
        return {"retention": "90/7"} | (old or {}) | {"billable_log_sources_count": units}
    first, *others = old or [{"type": "microsoft", "identity_provider_tenant_id": "tenant-1"}]
    rest = sum(int(tenant["billable_identities_count"]) for tenant in others)
    own = max(units - rest, 0)
    total = max(int(first.get("total_identities_count", 0)), own)
    moved = {"billable_identities_count": own, "total_identities_count": total}
    return [first | moved, *others]
