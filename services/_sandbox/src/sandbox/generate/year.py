"""A year of documents of one partner: the same clients, subscriptions that live, one correction."""

from dataclasses import replace
from random import Random
from typing import Any

from sandbox.generate.catalog import new_id
from sandbox.generate.lines import Press, month_start, plus_months
from sandbox.generate.month import Month, invoice_header, month_of
from sandbox.generate.planted import Shape
from sandbox.generate.world import World, make_world

CORRECTED, QUIET, LATE = 3, 5, 7  # months, counted from the first


def generate_year(
    seed: int,
    clients: int = 20,
    lines: int = 200,
    first: str = "2026-01",
    months: int = 12,
    shape: Shape | None = None,
) -> list[Month]:
    """Months to load one after the other; HaloPSA's payload comes with the first only.

    `notes["available"]` is the day on which the document can be read, once later than HaloPSA's
    creation date. A month's `correction` is to be loaded after the month itself was billed.
    """
    world = make_world(seed, clients=clients, subscriptions=lines * 45 // 100, months=months)
    quiet = world.ordinary[-1]
    world = replace(world, quiet={QUIET: quiet.id})
    year = []
    for place in range(months):
        name = plus_months(month_start(first), place).isoformat()[:7]
        month = month_of(world, name, lines=lines, place=place, shape=shape or Shape())
        invoiced = plus_months(month_start(name), 1)
        month.notes |= {
            "place": place,
            "available": invoiced.replace(day=14 if place == LATE else 5).isoformat(),
            "quiet_company": world.quiet.get(place),
            "ended_subscriptions": [
                subscription.id
                for subscription in world.subscriptions
                if subscription.last == place - 1
            ],
            "annual_subscriptions": [
                subscription.id
                for subscription in world.subscriptions
                if subscription.term != "Monthly" and subscription.billed_in(place)
            ],
            "changed_subscriptions": [
                subscription.id
                for subscription in world.subscriptions
                if place in subscription.changes and subscription.billed_in(place)
            ],
        }
        if place == CORRECTED:
            _correct(world, month)
        year.append(month)
    return year


def _correct(world: World, month: Month) -> None:
    """The document turns Credited and another one with its date, partner and currency appears:
    one seat line has fewer seats, one line is gone, the rest is the same under new ids."""
    document = month.pax8["invoices"][0]
    rng = Random(f"{world.seed}/{month.month}/correction")  # noqa: S311
    press = Press(world, rng, plus_months(month_start(month.month), 1))
    bearer = max(
        (
            subscription
            for subscription in world.subscriptions
            if subscription.company.ordinary
            and subscription.term == "Monthly"
            and subscription.billed_in(CORRECTED)
        ),
        key=lambda subscription: subscription.seats,
    )
    items: list[dict[str, Any]] = []
    removed: str | None = None
    reduced: str | None = None
    for position, old in enumerate(document["items"]):
        variety = month.varieties[str(old.get("id", f"#{position}"))]
        if variety == "11" and removed is None:
            removed = str(old.get("id"))
            continue
        new = old | ({"id": new_id(rng)} if "id" in old else {})
        if variety == "1" and old["subscriptionId"] == bearer.id:
            reduced = str(old.get("id"))
            fewer = press.seats(bearer, bearer.seats_in(CORRECTED) - 1)
            new |= {name: fewer[name] for name in ("quantity", *_AMOUNTS)}
        if "id" in new:
            month.varieties[new["id"]] = variety
        items.append(new)
    replacement = invoice_header(press, items) | {"id": new_id(rng)}
    credited = document["invoice"] | {"status": "Credited"}
    month.correction = {
        "invoices": [
            {"invoice": credited, "items": document["items"]},
            {"invoice": replacement, "items": items},
        ]
    }
    month.notes |= {
        "credited_invoice": credited["id"],
        "replacement_invoice": replacement["id"],
        "removed_item": removed,
        "reduced_item": reduced,
    }


_AMOUNTS = ("price", "total", "cost", "costTotal", "subTotal", "amountDue", "salesTax")
