"""What stays the same from month to month: companies, products and subscriptions of one partner."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Literal

from sandbox.generate.catalog import Catalog, Product, catalog, new_id
from sandbox.generate.names import HOSTILE, ordinary

type Match = Literal["external id", "name", "both", "near name", "missing", "own", "by hand"]

PARTNER = "Northlight IT Services"
LEAST_CLIENTS = 10


@dataclass(frozen=True)
class Company:
    id: str
    name: str
    external_id: str | None
    match: Match  # how HaloPSA knows it
    currency: str
    weight: float  # share of the lines; heavy-tailed
    azure_id: str  # its Azure subscription at Microsoft
    azure_subscription: str  # and the one at Pax8

    @property
    def ordinary(self) -> bool:
        return self.match in {"external id", "name", "both"} and self.currency == "USD"

    def row(self) -> dict[str, Any]:
        row = {
            "id": self.id,
            "name": self.name,
            "address": {
                "street": "1 High Street",
                "city": "Leeds",
                "stateOrProvince": "WY",
                "postalCode": "LS1 1AA",
                "country": "GB" if self.currency == "GBP" else "US",
            },
            "phone": "+1 555 0100",
            "website": "https://example.com",
            "billOnBehalfOfEnabled": False,
            "selfServiceAllowed": False,
            "orderApprovalRequired": False,
            "status": "Active",
            "updatedDate": "2026-01-15T09:30:00.000-0600",
        }
        return row | ({"externalId": self.external_id} if self.external_id else {})


@dataclass(frozen=True)
class Subscription:
    id: str
    company: Company
    product: Product
    term: Literal["Monthly", "Annual", "3 Year"]
    seats: int
    first: int  # months since the first one; 0 = there from the start
    last: int | None  # the last month it is billed
    anniversary: int  # the month of the year in which an annual term is billed
    changes: dict[int, int]  # month -> seats from then on

    def seats_in(self, month: int) -> int:
        known = [at for at in self.changes if at <= month]
        return self.changes[max(known)] if known else self.seats

    def billed_in(self, month: int) -> bool:
        if month < self.first or (self.last is not None and month > self.last):
            return False
        years = {"Monthly": 0, "Annual": 12, "3 Year": 36}[self.term]
        return years == 0 or (month - self.anniversary) % years == 0

    def row(self, start: str) -> dict[str, Any]:
        # Subscriptions spell the terms with a hyphen, invoices do not.
        return {
            "id": self.id,
            "companyId": self.company.id,
            "productId": self.product.id,
            "quantity": self.seats,
            "startDate": start,
            "endDate": None,
            "createdDate": f"{start}T08:00:00.000+0000",
            "billingStart": start,
            "status": "Active",
            "price": self.product.price,
            "partnerCost": self.product.cost,
            "currencyCode": self.company.currency,
            "productName": self.product.name,
            "billingTerm": self.term.replace(" ", "-"),
            "commitmentTerm": None,
        }


@dataclass(frozen=True)
class World:
    seed: int
    companies: list[Company]
    catalog: Catalog
    subscriptions: list[Subscription]
    quiet: dict[int, str] = field(default_factory=dict)  # month -> the company without charges

    def role(self, match: Match) -> Company:
        return next(company for company in self.companies if company.match == match)

    @property
    def pounds(self) -> Company:
        return next(company for company in self.companies if company.currency == "GBP")

    @property
    def ordinary(self) -> list[Company]:
        """Mapped dollar companies, largest first."""
        found = [company for company in self.companies if company.ordinary]
        return sorted(found, key=lambda company: -company.weight)


def make_world(seed: int, *, clients: int, subscriptions: int, months: int = 1) -> World:
    assert clients >= LEAST_CLIENTS, f"a world has at least {LEAST_CLIENTS} companies"
    rng = Random(f"{seed}/world")  # noqa: S311
    goods = catalog(rng)
    companies = _companies(rng, clients)
    return World(
        seed, companies, goods, _subscriptions(rng, companies, goods, subscriptions, months)
    )


def _companies(rng: Random, clients: int) -> list[Company]:
    special: list[tuple[str, Match, str]] = [
        (f"{PARTNER} Inc", "own", "USD"),
        ("Harbour & Vale Accountants Ltd", "near name", "USD"),
        ("Tidewater Brewing", "missing", "USD"),
        ("Pemberton Solicitors LLP", "name", "GBP"),
        ("Larch Holdings", "name", "USD"),
        ("Larch Holdings, Branch Two", "by hand", "USD"),
    ]
    hostile = HOSTILE[: max(1, min(len(HOSTILE), clients - len(special) - 2))]
    special += [(name, "name", "USD") for name in hostile]
    rest = ordinary(rng, clients - len(special))
    ways: tuple[Match, ...] = ("external id", "name", "both")
    named = special + [(name, ways[place % 3], "USD") for place, name in enumerate(rest)]
    ranks = list(range(1, len(rest) + 1))
    rng.shuffle(ranks)
    companies = []
    for place, (name, match, currency) in enumerate(named):
        rank = ranks[place - len(special)] if place >= len(special) else 8
        companies.append(
            Company(
                id=new_id(rng),
                name=name,
                external_id=f"HALO-{1000 + place}" if match in {"external id", "both"} else None,
                match=match,
                currency=currency,
                weight=rank**-1.2,
                azure_id=new_id(rng),
                azure_subscription=new_id(rng),
            )
        )
    return companies


def _subscriptions(
    rng: Random, companies: list[Company], goods: Catalog, count: int, months: int
) -> list[Subscription]:
    # Everybody has one, as far as they go; the rest follows the weights.
    owners = companies[:count]
    weights = [company.weight for company in companies]
    owners += rng.choices(companies, weights, k=count - len(owners))
    # The ambiguous product is bought by an ordinary client, or nobody would meet it.
    first_ordinary = next((place for place, owner in enumerate(owners) if owner.ordinary), 0)
    made = []
    for place, owner in enumerate(owners):
        product = goods.ambiguous if place == first_ordinary else rng.choice(goods.seats)
        seats = min(2500, max(1, round(rng.paretovariate(0.9) * 3)))
        extra = place - len(companies)  # the first of a company just goes on
        long = extra >= 0 and (extra == 0 or rng.random() < 0.1)
        moving = months > 1 and extra > 0
        changes = _changes(rng, seats, months) if moving and not long else {}
        ends = moving and (extra == 1 or rng.random() < 0.08)
        starts = moving and not ends and rng.random() < 0.08
        made.append(
            Subscription(
                id=new_id(rng),
                company=owner,
                product=product,
                term=rng.choice(("Annual", "Annual", "3 Year")) if long else "Monthly",
                seats=seats,
                first=rng.randrange(1, months) if starts else 0,
                last=rng.randrange(1, months - 1) if ends and months > 2 else None,
                anniversary=rng.randrange(months) if long else 0,
                changes=changes,
            )
        )
    return made


def _changes(rng: Random, seats: int, months: int) -> dict[int, int]:
    """A few seat changes a year; never more than a third down, so that no month nets negative."""
    changes: dict[int, int] = {}
    for month in range(1, months):
        if rng.random() < 0.12:
            least = seats - seats // 3
            seats = max(1, rng.randint(least, seats + max(1, seats // 2)))
            changes[month] = seats
    return changes


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
