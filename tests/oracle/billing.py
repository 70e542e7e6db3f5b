"""Who pays for a line, and under which policy (R3, R6), read from the settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

DEFAULTS: dict[str, Any] = {
    "drop_azure": False,
    "collapse_azure": False,
    "drop_prorata": False,
    "drop_zero": False,
    "zero_test": "both",
    "azure_scope": "azure_only",
    "behaviour": "new",
    "post_partial": False,
    "net_credit": "hold",
}


@dataclass(frozen=True)
class Payer:
    """`client` pays, or `excluded` or `held` says why nobody does."""

    client: int | None
    policy: Mapping[str, Any]
    excluded: str = ""
    held: str = ""
    recurring: int | None = None

    def says(self, name: str) -> Any:
        return self.policy[name]


class Payers:
    """The answers of one settings file, with the companies that a rule can match."""

    def __init__(self, settings: Row, companies: Sequence[Row], clients: Sequence[Row]) -> None:
        self._settings = settings
        self._rows: list[Row] = [
            r for r in settings.get("client", ()) if r.get("source", "pax8") == "pax8"
        ]
        self._companies = {str(row["id"]): row for row in companies}
        self._clients = {int(row["id"]): row for row in clients}

    def of(self, item: Row) -> Payer:
        """The row of the subscription, else that of the company, else the match by a rule."""
        company = str(item.get("companyId") or "")
        subscription = item.get("subscriptionId")
        own = self._settings.get("tenant", {}).get("own_company")
        row = self._row(company, subscription) if subscription else None
        row = row or self._row(company, None)
        if not company and row is None:
            return Payer(None, self._policy([]), held="company-missing")
        if own and company == own:
            return Payer(None, self._policy([]), excluded="own-company")
        if row is not None and row.get("exclude"):
            return Payer(None, self._policy([row]), excluded="excluded-client")
        client = self._matched(company, item) if row is None else int(row["halo"])
        if client is None:
            return Payer(None, self._policy([]), held="unmapped")
        rows = [r for r in self._rows if r.get("halo") == client]
        recurring = next((int(r["recurring"]) for r in rows if r.get("recurring")), None)
        return Payer(client, self._policy(rows), recurring=recurring)

    def client(self, number: int) -> Row | None:
        """The client's record at the destination."""
        return self._clients.get(number)

    def _row(self, company: str, subscription: str | None) -> Row | None:
        for row in self._rows:
            if row["company"] == company and row.get("subscription") == subscription:
                return row
        return None

    def _matched(self, company: str, item: Row) -> int | None:
        """External id, then exact name; one hit decides and two never do."""
        known = self._companies.get(company, {})
        external = str(known.get("externalId") or item.get("externalId") or "")
        name = _spelled(str(known.get("name") or item.get("companyName") or ""))
        active = [c for c in self._clients.values() if not c.get("inactive")]
        tests = [
            [c for c in active if external and str(c.get("accountsid") or "") == external],
            [c for c in active if external and str(c.get("ref") or "") == external],
            [c for c in active if external and f"HALO-{c['id']}" == external],
            [c for c in active if name and _spelled(str(c.get("name") or "")) == name],
        ]
        for hits in tests:
            if hits:
                return int(hits[0]["id"]) if len(hits) == 1 else None
        return None

    def _policy(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Global, integration, client, client within the integration: the last one set wins."""
        settings = self._settings
        integration = settings.get("integration", {}).get("pax8", {}).get("policy", {})
        levels: list[Row] = [settings.get("policy", {}), integration]
        for name in ("policy", "integration_policy"):
            joined: dict[str, Any] = {}
            for row in rows:
                for key, value in row.get(name, {}).items():
                    joined.setdefault(key, value)
            levels.append(joined)
        policy = dict(DEFAULTS)
        for level in levels:
            policy |= {key: value for key, value in level.items() if value is not None}
        return policy


def _spelled(name: str) -> str:
    return " ".join(name.casefold().split())
