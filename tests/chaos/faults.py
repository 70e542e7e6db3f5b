"""Which faults a history may meet: the vendors', asked of the sandboxes, and the machine's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.app import Sandbox
from support.simulated import Hazards

READS = (
    "reset",
    "lost_answer",
    "rate_limit",
    "empty_500",
    "error_500",
    "html",
    "truncated",
    "unauthorized",
    "slow",
)
PAX8_PAGES = ("truncate_page", "duplicate_row", "changes_between_pages", "page_cap_ignored")
HALO_PAGES = ("truncate_page", "page_cap_ignored")
PAX8_READS = ("/invoices", "/invoices/{id}/items")
HALO_READS = ("/Client", "/Item", "/Invoice", "/RecurringInvoice", "/Currency", "/Control")
HALO_WRITES = ("/Invoice", "/RecurringInvoice", "/Item")
TOKENS = {"pax8": "/token", "halopsa": "/auth/token"}

# What a success answer hides: such a history must not end balanced, see chaos.noticed.
SPOILERS = ("alter_line", "drop_line", "double_line", "quantity_to_one")

MACHINE = ("crash", "store_before", "store_after", "slow_store", "twice", "rewind")
VENDORS = (*READS, "rate_limit with Retry-After", *PAX8_PAGES, "stale_list")


def draw_hazards(rng: Random) -> Hazards:
    """Some histories are rough in one way, some in all, some calm."""

    def chance(*of: float) -> float:
        return rng.choice((0.0, *of))

    return Hazards(
        crash=chance(0.0005, 0.002, 0.006),
        store_before=chance(0.005, 0.03),
        store_after=chance(0.005, 0.02),
        slow_store=chance(0.01, 0.05),
        twice=chance(0.05, 0.3),
        rewind=chance(0.05, 0.2),
    )


@dataclass
class Planted:
    """The faults asked of the sandboxes in one history."""

    rng: Random
    has_ids: bool
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _fired: Counter[tuple[str, str]] = field(default_factory=Counter)

    def draw(self, app: Sandbox, count: int) -> None:
        """Some faults for what comes next."""
        for _ in range(count):
            vendor, fault = self._one()
            app.vendors[vendor].front.faults.add(fault)
            self.asked.append((vendor, fault))

    def _one(self) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        where = rng.choices(("pax8", "halo read", "halo write", "token"), (3, 3, 6, 1))[0]
        fault: dict[str, Any] = {"after": rng.choice((0, 0, 0, 1, 2, 4))}
        if where == "token":
            vendor = rng.choice(("pax8", "halopsa"))
            fault |= {"kind": rng.choice(("reset", "empty_500")), "path": TOKENS[vendor]}
            return vendor, fault | {"after": 0}
        if where == "pax8":
            kind = rng.choice((*READS, *PAX8_PAGES))
            fault |= {"kind": kind, "method": "GET", "path": rng.choice(PAX8_READS)}
            if kind == "duplicate_row":
                # A row that displaces another is seen by its id, or by nobody.
                fault["displace"] = self.has_ids and rng.random() < 0.5
        elif where == "halo read":
            kind = rng.choice((*READS, *HALO_PAGES))
            fault |= {"kind": kind, "method": "GET", "path": rng.choice(HALO_READS)}
        else:
            kind = rng.choice((*READS, "lost_answer", "lost_answer", "stale_list"))
            fault |= {"kind": kind, "method": "POST", "path": rng.choice(HALO_WRITES)}
            if kind == "stale_list":
                fault["path"] = "/Invoice"
        self._detail(fault)
        return "pax8" if where == "pax8" else "halopsa", fault

    def _detail(self, fault: dict[str, Any]) -> None:
        rng = self.rng
        writes = fault["method"] == "POST"
        if fault["kind"] == "rate_limit":
            fault["times"] = rng.choice((1, 1, 3))
            if rng.random() < 0.5:
                fault["retry_after"] = rng.choice((1, 7, 90))
        if fault["kind"] == "slow":
            # A write must land within the settle time that the settings promise.
            fault["seconds"] = rng.choice((3, 20) if writes else (3, 20, 90))
        if fault["kind"] in ("empty_500", "error_500", "html", "truncated") and writes:
            # A failure that was reported may have happened all the same.
            fault["commit"] = rng.random() < 0.5

    def stop(self, app: Sandbox) -> None:
        """No more of them."""
        self._fired = self._count(app)
        for vendor in app.vendors.values():
            vendor.front.faults.clear()

    def fired(self, app: Sandbox) -> Counter[tuple[str, str]]:
        """How often each kind fired, by the call it was asked for."""
        return self._fired or self._count(app)

    def _count(self, app: Sandbox) -> Counter[tuple[str, str]]:
        fired: Counter[tuple[str, str]] = Counter()
        for name, vendor in app.vendors.items():
            pending = Counter(_named(row) for row in vendor.front.faults.pending())
            asked = Counter(_named(fault) for where, fault in self.asked if where == name)
            for (kind, call), count in (asked - pending).items():
                fired[kind, f"{name} {call}"] += count
        return fired


def _named(fault: dict[str, Any]) -> tuple[str, str]:
    """Its kind and the call it is meant for."""
    kind = str(fault["kind"])
    if "retry_after" in fault:
        kind += " with Retry-After"
    return kind, f"{fault.get('method', '')} {fault['path']}".strip()
