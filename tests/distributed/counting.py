"""Counts beside the bills: units change at Huntress and are synced, again and again."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

from chaos import drive
from chargeline.system import System
from gateway.domain.syncs import SyncStage
from sandbox.generate import generate_huntress
from sandbox.generate.huntress import PRODUCT_NAMES

CLIENTS = 10
UNITS = range(5)  # so little around what it was that no count waits for a person
UNHURRIED = 6_000  # calls a minute: what is tried here is no limit
PRODUCT = "edr"
TRIES = 5


class Counting:
    """One small account at Huntress, and what HaloPSA's licences must say in the end."""

    def __init__(self, seed: int, today: date) -> None:
        self._rng = Random(f"counts {seed}")
        account = generate_huntress(seed, clients=CLIENTS, first_day=today, plants=())
        limits = account.huntress["settings"] | {"rate_limit": None}
        self.loads = {
            "huntress": account.huntress | {"settings": limits},
            "halopsa": account.halopsa,
        }
        self._account = account
        self._clients = {row["company"]: row["halo"] for row in account.settings["client"]}
        self._first = {
            str(row["id"]): int(row["actual_usages"][PRODUCT]["billable_agents_count"])
            for row in account.huntress["organizations"]
            if PRODUCT in row["actual_usages"]
        }
        self.units = dict(self._first)

    def added_to(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings with the account in them."""
        found: dict[str, Any] = self._account.added_to(settings)
        found["huntress"] = found["huntress"] | {"calls_per_minute": UNHURRIED}
        return found

    def change(self) -> dict[str, Any]:
        """One organisation's count is another one now."""
        number = self._rng.choice(sorted(self._first))
        self.units[number] = self._first[number] + self._rng.choice(UNITS)
        return {"organization": int(number), PRODUCT: self.units[number]}

    async def sync(self, system: System, patience_s: float) -> str | None:
        """To its end; the problem that it ended with, if any."""
        begun = await system.gateway.counts.sync_counts(drive.TENANT)
        queries = system.gateway.count_queries

        async def ended() -> bool:
            return (await queries.sync(drive.TENANT, begun.run)).stage is SyncStage.ENDED

        await drive.until(system, ended, patience_s)
        return (await queries.sync(drive.TENANT, begun.run)).problem

    def gaps(self, licences: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
        """What is lost and what is doubled: one licence a client, with all its units."""
        wanted: dict[int, int] = {}
        for number, units in self.units.items():
            if number in self._clients:
                client = int(self._clients[number])
                wanted[client] = wanted.get(client, 0) + units
        found: dict[int, list[int]] = {}
        for row in licences:
            if row["name"] == PRODUCT_NAMES[PRODUCT]:
                found.setdefault(int(row["client_id"]), []).append(int(row["count"]))
        lost, doubled = [], []
        for client in sorted({*wanted, *found}):
            said = f"client {client}: {wanted.get(client)} units stand as {found.get(client)}"
            if len(found.get(client, ())) > 1 or client not in wanted:
                doubled.append(said)
            elif found.get(client) != [wanted[client]]:
                lost.append(said)
        return lost, doubled
