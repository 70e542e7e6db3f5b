"""A seeded Huntress account of the partner whose Pax8 month is generated from the same seed.

Its organisations are the same clients where there are some. What changes from day to day is loaded
with it and happens when the sandbox's clock gets there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from sandbox.generate.halo import GROUP, client_ids
from sandbox.generate.huntress_plants import PLANTS, VARIETIES, Plot
from sandbox.generate.huntress_rows import ACCOUNT, RESELLER
from sandbox.generate.world import PARTNER, Company, World, make_world
from sandbox.wire import dumps

type Row = dict[str, Any]

FIRST_ORGANIZATION, FIRST_ITEM = 700_001, 2_001
NAME_MAX = 256
PRODUCT_NAMES = {
    "edr": "Huntress Managed EDR",
    "itdr": "Huntress Managed ITDR",
    "ispm": "Huntress Managed ISPM",
    "sat": "Huntress Security Awareness Training",
    "siem": "Huntress Managed SIEM",
}


@dataclass
class HuntressAccount:
    """`huntress` and `halopsa` are loads, the latter on top of the month's own.

    `settings` holds rows to add to the month's: `client`, `product`, and the table `huntress`.
    `varieties`: by its number in the sheet's table, the organisations that show it; `faults`: what
    to ask of the sandbox for those that are no data.
    """

    huntress: Row
    halopsa: Row
    settings: Row
    varieties: dict[str, list[int]] = field(default_factory=dict)
    faults: dict[str, list[Row]] = field(default_factory=dict)
    notes: Row = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        return dumps([self.huntress, self.halopsa, self.settings, self.varieties, self.notes])

    def added_to(self, settings: Row) -> Row:
        """A month's settings file with this account in it."""
        rows = {
            name: settings.get(name, []) + self.settings[name] for name in ("client", "product")
        }
        return settings | rows | {"huntress": self.settings["huntress"]}


def generate_huntress(
    seed: int,
    clients: int = 50,
    *,
    first_day: date = date(2026, 11, 5),
    plants: Iterable[str] | None = None,
    organizations: int | None = None,
    reseller: bool = False,
) -> HuntressAccount:
    """`plants` by number, None for all of them; `organizations` fills up to so many.

    With `reseller` every key is a reseller's, whose one account is the partner.
    """
    wanted = set(PLANTS if plants is None else plants)
    if unknown := sorted(wanted - VARIETIES.keys()):
        raise ValueError(f"unknown varieties {unknown}; known: {', '.join(VARIETIES)}")
    world = make_world(seed, clients=clients, subscriptions=clients)
    made = _Making(world, first_day)
    for name, plant in PLANTS.items():
        if name in wanted:
            plant(made)
    made.fill(organizations)
    return made.account(reseller=reseller)


class _Making(Plot):
    """The account as it grows; the plants ask it for organisations."""

    def __init__(self, world: World, first_day: date) -> None:
        self.rng = Random(f"{world.seed}/huntress")  # noqa: S311
        self.world, self.first_day = world, first_day
        self.rows: list[Row] = []
        self.days: list[Row] = []
        self.tables: dict[str, list[Row]] = {}
        self.own: list[int] = []
        self._mapped: dict[int, int] = {}
        self._varieties: dict[str, list[int]] = {}
        self._clients = client_ids(world)
        ordinary = sorted(world.ordinary, key=lambda company: company.name)
        self._free: Iterator[Company] = iter(ordinary)
        self._again = ordinary or [world.pounds]

    def next_company(self) -> Company:
        """Mapped clients in turn; when all have an organisation, they get another one."""
        return next(self._free, None) or self._again[len(self.rows) % len(self._again)]

    def organization(
        self, variety: str, company: Company | None, name: str = "", **fields: Any
    ) -> Row:
        """One more; a company that HaloPSA has a client for is mapped by its row of settings."""
        number = FIRST_ORGANIZATION + len(self.rows)
        name = (name or (company.name if company else f"Organization {number}"))[:NAME_MAX]
        row: Row = {
            "id": number,
            "account_id": ACCOUNT,
            "name": name,
            "key": _key(name, number),
            "agents_count": 0,
            "billable_identity_count": 0,
            "sat_learner_count": 0,
            "logs_sources_count": 0,
            "actual_usages": {},
        } | fields
        self.rows.append(row)
        self._varieties.setdefault(variety, []).append(number)
        if company is not None and (halo := self._clients.get(company.id)) is not None:
            self._mapped[number] = halo
        return row

    def unmap(self, row: Row) -> None:
        self._mapped.pop(int(row["id"]), None)

    def fill(self, organizations: int | None) -> None:
        """Ordinary ones: of every company left, or until there are so many."""
        if organizations is None:
            for company in self._free:
                self.ordinary("", company)
            return
        while len(self.rows) < organizations:
            self.ordinary("", self.next_company())

    def account(self, *, reseller: bool) -> HuntressAccount:
        products = list(PRODUCT_NAMES.items())
        items = {product: FIRST_ITEM + place for place, (product, _) in enumerate(products)}
        keys = {"keys": [{"public": "*", "kind": "reseller"}]} if reseller else {}
        seats = {"edr": 10, "ispm": 10, "itdr": 10, "sat": 10, "siem": 10}
        partner = {"id": ACCOUNT, "name": PARTNER, "subdomain": "northlight"}
        return HuntressAccount(
            huntress={
                "accounts": [partner | {"neighborhood_watch": seats}],
                "organizations": self.rows,
                "days": self.days,
                "settings": {"reseller": RESELLER},
                **self.tables,
                **keys,
            },
            halopsa={"items": [_item(items[name], text) for name, text in products]},
            settings={
                "client": [
                    {"source": "huntress", "company": str(number), "halo": halo}
                    for number, halo in self._mapped.items()
                ],
                "product": [
                    {"source": "huntress", "product": product, "halo": item}
                    for product, item in items.items()
                ],
                "huntress": {"own_organizations": [str(number) for number in self.own]},
            },
            varieties={name: found for name, found in self._varieties.items() if name},
            faults={
                "17": [{"kind": "rate_limit", "after": 60}],
                "17 with Retry-After": [{"kind": "rate_limit", "after": 60, "retry_after": 7}],
                "18": [
                    {"kind": "unauthorized", "after": 1},
                    {"kind": "forbidden", "after": 1},
                    {"kind": "html", "status": 502, "times": -1, "after": 1},
                ],
            },
            notes={
                "organizations": len(self.rows),
                "halo_client_by_organization": self._mapped,
                "items": items,
                "next_day": (self.first_day + timedelta(days=1)).isoformat(),
            },
        )


def _key(name: str, number: int) -> str:
    """Lower case with dashes, as an installer makes it of a name; no two are alike."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.lower())
    return f"{plain.strip('-')[:200] or 'organization'}-{number}"


def _item(number: int, name: str) -> Row:
    return {
        "id": number,
        "name": name,
        "status": 14,
        "assetgroup_id": GROUP,
        "isrecurringitem": True,
        "accountsid": f"HUNT-{number}",
    }
