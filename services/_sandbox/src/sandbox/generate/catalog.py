"""What the generated partner sells: products with their list amounts and their HaloPSA fate."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Literal
from uuid import UUID

type Fate = Literal["by sku", "by name", "new", "ambiguous", "closed"]


def new_id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


@dataclass(frozen=True)
class Product:
    id: str
    name: str
    vendor: str
    sku: str
    price: Decimal
    cost: Decimal
    fate: Fate  # how HaloPSA knows it before the first run
    tiers: bool = False

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "vendorName": self.vendor,
            "shortDescription": self.name[:80],
            "sku": self.sku,
            "vendorSku": self.sku[4:],
            "requiresCommitment": self.vendor == "Microsoft",
            "description": f"{self.name}, sold by the generated partner",
        }


_SEATS: tuple[tuple[str, str, str, str, str, Fate, bool], ...] = (
    ("Microsoft 365 Business Basic [NCE]", "Microsoft", "MST-BBA", "7.20", "5.76", "by sku", False),
    ("Microsoft 365 Business Standard [NCE]", "Microsoft", "MST-BST", "15", "12", "by name", False),
    ("Microsoft 365 Business Premium [NCE]", "Microsoft", "MST-BPR", "26.4", "21.12", "new", False),
    ("Microsoft 365 E3 [NCE]", "Microsoft", "MST-E3", "43.20", "34.56", "by sku", False),
    ("Exchange Online (Plan 1) [NCE]", "Microsoft", "MST-EX1", "4.80", "3.84", "ambiguous", False),
    ("Teams Phone Standard [NCE]", "Microsoft", "MST-TPS", "9.60", "7.68", "by name", False),
    ("SentinelOne Control", "SentinelOne", "SEN-CTL", "5.15", "3.10", "by sku", True),
    ("Cyber Protect Cloud, per workload", "Acronis", "ACR-CPC", "6.75", "4.425", "new", True),
    ("Email Security Advanced", "Proofpoint", "PPT-ESA", "3.35", "2.21", "closed", False),
    ("Backup for Microsoft 365", "Dropsuite", "DRS-M365", "2.995", "1.872", "by name", False),
    ('Password Vault "Teams"\n(per user)', "Keeper", "KPR-TEAM", "4.00", "2.60", "new", False),
    ("=1+1 Signature Manager 署名", "Exclaimer", "EXC-SIG", "1.45", "0.98", "new", False),
    (
        "Compliance " + "Archive " * 34 + "Suite",
        "Global Relay",
        "GLR-ARC",
        "8",
        "5.5",
        "new",
        False,
    ),
)
_OTHERS: dict[str, tuple[str, str, str, str, str, Fate]] = {
    "azure": ("Microsoft Azure Plan", "Microsoft", "MST-EXM-AZP", "0", "0", "by sku"),
    "reservation": (
        "Azure Reserved VM Instance",
        "Microsoft",
        "MST-EXM-AZR",
        "71.3",
        "62.7",
        "new",
    ),
    "aws": ("Amazon Web Services", "AWS", "AWS-USE", "0", "0", "by name"),
    "storage": ("Metered Backup Storage", "Acronis", "ACR-GB", "0.09", "0.045", "new"),
    "migration": ("Mailbox Migration", "SkyKick", "SKY-MIG", "45", "30", "new"),
    "hardware": ("Desk Phone T54W", "Yealink", "YEA-T54W", "189", "151.25", "by sku"),
    "fee": ("Platform Fee", "Pax8", "PAX-FEE", "3.50", "2.00", "new"),
    "hosted": ("Managed Hosting, billed direct", "Nerdio", "NRD-HST", "60", "48", "new"),
}


@dataclass(frozen=True)
class Catalog:
    seats: list[Product]
    others: dict[str, Product]

    @property
    def every(self) -> list[Product]:
        return [*self.seats, *self.others.values()]

    @property
    def ambiguous(self) -> Product:
        return next(product for product in self.seats if product.fate == "ambiguous")


def catalog(rng: Random) -> Catalog:
    seats = [
        Product(
            new_id(rng), name, vendor, f"{sku}-C100", Decimal(price), Decimal(cost), fate, tiers
        )
        for name, vendor, sku, price, cost, fate, tiers in _SEATS
    ]
    others = {
        key: Product(new_id(rng), name, vendor, f"{sku}-C100", Decimal(price), Decimal(cost), fate)
        for key, (name, vendor, sku, price, cost, fate) in _OTHERS.items()
    }
    return Catalog(seats, others)
