"""A realistic month: the Pax8 document, the HaloPSA tenant, the settings, and what was planted."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from sandbox.generate.catalog import new_id
from sandbox.generate.halo import halo_payload
from sandbox.generate.lines import Item, Press, month_start, plus_months
from sandbox.generate.planted import Shape, notes, resolutions, settings
from sandbox.generate.varieties import VARIETIES
from sandbox.generate.world import PARTNER, Company, Subscription, World, cents, make_world
from sandbox.wire import dumps

NEGATIVE = {"4a", "4b", "4c", "5", "9", "14"}  # only for clients that can bear it
MANDATORY = (*VARIETIES, "5", "6", "6", "6", "6", "10", "14", "19", "19")
FILL = {"6": 55, "3": 6, "10": 6, "11": 4, "2": 4, "12": 3, "18": 3, "19": 3, "8": 3, "14": 2}
FILL |= {"13": 2, "7": 2, "16": 1, "4a": 1, "4b": 1, "4c": 1, "5": 1}


@dataclass
class Month:
    month: str  # the month whose usage is billed; the invoice is dated on the 1st of the next one
    pax8: dict[str, Any]
    halopsa: dict[str, Any]
    settings: dict[str, Any]
    resolutions: dict[str, list[dict[str, Any]]]  # rows of [[client]] and [[product]]
    notes: dict[str, Any]
    varieties: dict[str, str]  # by item id; by "#position" where items have none
    correction: dict[str, Any] | None = None  # a later load: Credited, and its replacement

    @property
    def items(self) -> list[Item]:
        return [item for document in self.pax8["invoices"] for item in document["items"]]

    def resolved_settings(self) -> dict[str, Any]:
        """The settings after a person has answered every hold that was planted."""
        return self.settings | {
            name: self.settings[name] + self.resolutions[name] for name in ("client", "product")
        }

    def as_bytes(self) -> bytes:
        return dumps(
            [self.pax8, self.halopsa, self.settings, self.resolutions, self.notes, self.correction]
        )


def generate_month(
    seed: int,
    clients: int = 50,
    lines: int = 1000,
    month: str = "2026-10",
    shape: Shape | None = None,
) -> Month:
    world = make_world(seed, clients=clients, subscriptions=max(1, lines * 45 // 100))
    return month_of(world, month, lines=lines, place=0, shape=shape or Shape())


def month_of(world: World, month: str, *, lines: int, place: int, shape: Shape) -> Month:
    """`place` counts months from the world's first; only at 0 is there a HaloPSA tenant."""
    invoiced = plus_months(month_start(month), 1)
    press = Press(world, Random(f"{world.seed}/{month}"), invoiced)  # noqa: S311
    made = _seat_lines(press, place) + _changed_seats(press, place)
    made += _special_lines(press, lines - len(made), place)
    press.rng.shuffle(made)
    items = [_shaped(item, shape) for _, item in made]
    header = invoice_header(press, items)
    halo = halo_payload(world, invoiced, recurring=shape.recurring) if place == 0 else {}
    return Month(
        month=month,
        pax8={
            "companies": [company.row() for company in world.companies],
            "products": [product.row() for product in world.catalog.every],
            "subscriptions": [
                subscription.row(plus_months(invoiced, -6).isoformat())
                for subscription in world.subscriptions
            ],
            "invoices": [{"invoice": header, "items": items}],
            "draft_items": _draft(world, month, place),
        },
        halopsa=halo,
        settings=settings(world, shape),
        resolutions=resolutions(world, shape),
        notes=notes(world, header),
        varieties={
            str(item["id"]) if shape.item_ids else f"#{position}": variety
            for position, (variety, item) in enumerate(made)
        },
    )


def invoice_header(press: Press, items: Iterable[Item]) -> dict[str, Any]:
    from_rng = Random(f"{press.world.seed}/{press.invoiced}/invoice")  # noqa: S311
    total = cents(sum((item["costTotal"] for item in items), start=Decimal(0)))
    return {
        "id": new_id(from_rng),
        "invoiceDate": press.invoiced.isoformat(),
        "dueDate": press.invoiced.replace(day=15).isoformat(),
        "balance": total,
        "carriedBalance": 0,
        "total": total,
        "currencyCode": "USD",
        "partnerName": PARTNER,
        "companyId": press.world.role("own").id,
        "status": "Unpaid",
    }


def _seat_lines(press: Press, place: int) -> list[tuple[str, Item]]:
    return [
        (
            "1" if subscription.term == "Monthly" else "2",
            press.seats(subscription, subscription.seats_in(place)),
        )
        for subscription in press.world.subscriptions
        if _is_billed(press.world, subscription, place)
    ]


def _is_billed(world: World, subscription: Subscription, place: int) -> bool:
    return subscription.billed_in(place) and world.quiet.get(place) != subscription.company.id


def _changed_seats(press: Press, place: int) -> list[tuple[str, Item]]:
    made: list[tuple[str, Item]] = []
    for subscription in press.world.subscriptions:
        if place in subscription.changes and _is_billed(press.world, subscription, place):
            moved = subscription.seats_in(place) - subscription.seats_in(place - 1)
            shape = press.rng.choice("abc")
            if moved:
                variety = "3" if moved > 0 else f"4{shape}"
                made.append((variety, press.prorate(subscription, moved, shape)))
    return made


def _special_lines(press: Press, count: int, place: int) -> list[tuple[str, Item]]:
    """Every variety at least once, then the usual mixture, until there are `count` lines."""
    rng, world = press.rng, press.world
    silent = {world.role("own").id, world.quiet.get(place)}
    companies = [company for company in world.companies if company.id not in silent]
    subscriptions = [one for one in world.subscriptions if one.company.id not in silent]
    weights = [company.weight for company in companies]
    bearers = _bearers(world, place)
    wanted = list(MANDATORY)
    made: list[tuple[str, Item]] = []
    while len(made) < count:
        variety = wanted.pop(0) if wanted else rng.choices(list(FILL), list(FILL.values()))[0]
        company: Company = rng.choices(companies, weights)[0]
        subscription = rng.choice(subscriptions)
        if variety in NEGATIVE:
            # In turn, so that no subscription gives back more than it costs.
            subscription = bearers[0]
            company = subscription.company
            bearers.append(bearers.pop(0))
        items = VARIETIES[variety](press, company, subscription)
        made += [(variety, item) for item in items]
    del made[count:]
    return made


def _bearers(world: World, place: int) -> list[Subscription]:
    """Monthly subscriptions that are billed and large enough to bear a credit, largest first."""
    billed = [
        subscription
        for subscription in world.subscriptions
        if subscription.company.ordinary
        and subscription.term == "Monthly"
        and _is_billed(world, subscription, place)
    ]
    billed.sort(key=lambda subscription: -subscription.seats * subscription.product.price)
    return billed[: max(1, len(billed) // 2)] or world.subscriptions[:1]


def _shaped(item: Item, shape: Shape) -> Item:
    kept = {"id": shape.item_ids, "vendorName": shape.vendor_names}
    absent = {name for name, is_kept in kept.items() if not is_kept}
    return {name: value for name, value in item.items() if name not in absent}


def _draft(world: World, month: str, place: int) -> list[Item]:
    """A preview of the next document: seats only, for arrears are never in a draft."""
    rng = Random(f"{world.seed}/{month}/draft")  # noqa: S311
    press = Press(world, rng, plus_months(month_start(month), 2))
    return [item for _, item in _seat_lines(press, place + 1)][:40]
