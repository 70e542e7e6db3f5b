"""What one Huntress knows: its tables, its settings, and organisations as they are on its day."""

from typing import Any

from sandbox.core import Clock, Row, State
from sandbox.huntress import usages

BY_ID = (
    "accounts",
    "organizations",
    "invoices",
    "reseller_invoices",
    "account_usage_line_items",
    "organization_usage_line_items",
    "subscriptions",
    "agents",
    "identities",
    "reports",
)
KEYS = "keys"  # by public key: {"public", "secret", "kind", "account", "installation_key"}
TABLES = (*BY_ID, KEYS)
DAYS = "_days"  # what changes from a day on

SETTINGS: Row = {
    "rate_limit": {"calls": 60, "seconds": 60},  # "retry_after" optional; null: none
    "error_form": "error",  # error, errors, errors_map, message, text, html
    "last_page": "empty",  # what `pagination` holds at the end: empty, null
    "legacy_paging": False,  # older instances add page numbers and totals
    "legacy_fields": True,
    "actor_form": "bare",  # or wrapped in `actor`
    "reseller": None,  # {"id", "name"} of a reseller's key
}

DEFAULTS: Row = {
    "agents_count": 0,
    "billable_identity_count": 0,
    "sat_learner_count": 0,
    "logs_sources_count": 0,
    "incident_reports_count": 0,
    "identity_provider_tenant_id": None,
    "report_recipients": [],
    "created_at": "2024-05-02T09:00:00Z",
    "updated_at": "2024-05-02T09:00:00Z",
}
LEGACY: Row = {
    "microsoft_365_tenant_id": None,
    "microsoft_365_users_count": 0,
    "notify_emails": [],
}
FIRST_ACCOUNT = 5501


class Tenant:
    def __init__(self, state: State, clock: Clock) -> None:
        self.state, self.clock = state, clock

    @property
    def settings(self) -> Row:
        return SETTINGS | self.configured

    @property
    def configured(self) -> Row:
        return self.state.get("_settings", "0") or {}

    def configure(self, asked: Row) -> None:
        if unknown := sorted(asked.keys() - SETTINGS.keys()):
            raise ValueError(f"unknown settings {unknown}; known: {sorted(SETTINGS)}")
        self.state.put("_settings", "0", self.configured | asked)

    def accounts(self) -> list[Row]:
        return self.state.rows("accounts") or [{"id": FIRST_ACCOUNT, "name": "Northgate IT"}]

    def account(self, number: Any) -> Row | None:
        return next((row for row in self.accounts() if str(row["id"]) == str(number)), None)

    def organizations(self, account: Any) -> list[Row]:
        """An account's organisations, as they are on the sandbox's day."""
        rows = [self._on_this_day(row) for row in self.state.rows("organizations")]
        return [row for row in rows if row is not None and str(row["account_id"]) == str(account)]

    def organization(self, number: Any) -> Row | None:
        row = self.state.get("organizations", str(number))
        return None if row is None else self._on_this_day(row)

    def change(self, asked: Row) -> Row:
        """`{"organization", "day"?, "delete"?, "set"?, PRODUCT: units or null}`, now or then."""
        number = str(asked["organization"])
        row = self.state.get("organizations", number)
        if row is None:
            raise ValueError(f"organization {number} does not exist")
        usages.checked(asked)
        if "day" in asked:
            place = self.state.next_number("days")
            self.state.put(DAYS, str(place), asked)
            return asked
        changed = usages.changed(row, asked)
        if changed is None:
            self.state.delete("organizations", number)
            return {"deleted": row["id"]}
        self.state.put("organizations", number, changed)
        return changed

    def _on_this_day(self, row: Row) -> Row | None:
        full = {**DEFAULTS, **(LEGACY if self.settings["legacy_fields"] else {}), **row}
        full["account_id"] = full.get("account_id") or self.accounts()[0]["id"]
        today = self.clock.today.isoformat()
        due = [
            one
            for one in self.state.rows(DAYS)
            if str(one["organization"]) == str(row["id"]) and one["day"] <= today
        ]
        found: Row | None = full
        for one in sorted(due, key=lambda change: str(change["day"])):
            found = usages.changed(found, one) if found is not None else None
        return found


def load(tenant: Tenant, payload: dict[str, Any], *, replace: bool) -> dict[str, int]:
    """Tables of rows by id, `keys` by public key, `settings`, and `days`: changes to come."""
    if unknown := sorted(payload.keys() - {*TABLES, "settings", "days"}):
        raise ValueError(f"unknown keys {unknown}; known: {['days', 'settings', *TABLES]}")
    state = tenant.state
    if replace:
        state.clear_entities()
        for own in (DAYS, "_settings"):
            state.clear(own)
    for name in BY_ID:
        for row in payload.get(name, []):
            state.put(name, str(row["id"]), row)
    for row in payload.get(KEYS, []):
        state.put(KEYS, row["public"], row)
    tenant.configure(payload.get("settings", {}))
    for row in payload.get("days", []):
        tenant.change(row)
    return {name: len(rows) for name, rows in payload.items() if name != "settings"}


def entities(tenant: Tenant) -> dict[str, Any]:
    """The load shape again."""
    tables: dict[str, Any] = {name: tenant.state.rows(name) for name in TABLES}
    return tables | {"days": tenant.state.rows(DAYS), "settings": tenant.configured}
