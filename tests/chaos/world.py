"""One small world a history lives in: two vendors' loads, settings before and after the answers."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, Literal

from sandbox.app import Sandbox, build_app
from sandbox.core import dumps, loads
from sandbox.generate import generate_month
from sandbox.generate.month import month_of
from sandbox.generate.planted import Shape
from sandbox.generate.varieties import DOLLARS
from sandbox.generate.world import make_world

Behaviour = Literal["new", "latest", "recurring"]
FIRST = "2026-10"
SECOND = "2026-11"
LINES = 64
MANY_LINES = 215  # more than one page


@dataclass
class World:
    """`load` is what both sandboxes start with; `later` comes to Pax8 before the second bill."""

    seed: int
    behaviour: Behaviour
    today: date
    load: dict[str, Any]
    later: dict[str, Any] | None
    unanswered: dict[str, Any]  # settings, with the planted holds
    settings: dict[str, Any]
    notes: dict[str, Any]
    has_ids: bool
    person: list[dict[str, Any]] = field(default_factory=list)

    @property
    def documents(self) -> list[str]:
        """Ids in order of their dates."""
        entries = [*self.load["pax8"]["invoices"], *(self.later or {}).get("invoices", ())]
        rows = sorted(entries, key=lambda e: str(e["invoice"]["invoiceDate"]))
        return [str(row["invoice"]["id"]) for row in rows]

    def file(self) -> dict[str, Any]:
        """The load file that the oracle reads: everything that was put in, and by whom."""
        pax8 = dict(self.load["pax8"])
        if self.later is not None:
            pax8["invoices"] = [*pax8["invoices"], *self.later["invoices"]]
        return {"pax8": pax8, "halopsa": self.load["halopsa"], "person": self.person}


def make(seed: int, *, small: bool = False, behaviour: Behaviour | None = None) -> World:
    """Drawn from the seed alone."""
    rng = Random(f"world {seed}")
    drawn = rng.choice(("new", "new", "latest", "recurring"))
    behaviour = behaviour or drawn  # type: ignore[assignment] # one of the literals above
    assert behaviour is not None, "one was drawn"
    recurring = behaviour == "recurring"
    has_ids = rng.random() < 0.8
    shape = Shape(recurring=recurring, item_ids=has_ids)
    lines = MANY_LINES if rng.random() < 0.12 and not small else LINES
    month = generate_month(seed, clients=10, lines=lines, month=FIRST, shape=shape)
    later = None
    if rng.random() < 0.3:
        world = make_world(seed, clients=10, subscriptions=max(1, lines * 45 // 100))
        second = month_of(world, SECOND, lines=LINES, place=1, shape=shape)
        later = {"invoices": second.pax8["invoices"]}
    halo = month.halopsa
    if behaviour == "latest":
        halo["invoices"] = _open_invoices(rng, halo["clients"])
    policy = _policy(rng, behaviour)
    if has_ids and rng.random() < 0.25:
        _repeat_an_id(rng, month.pax8["invoices"][0]["items"])
    settings = month.resolved_settings() | {"policy": policy}
    if rng.random() < 0.25:  # the pounds client's dollars have no client: held
        rows = [row for row in settings["client"] if row.get("subscription") != DOLLARS]
        settings |= {"client": rows}
    return World(
        seed=seed,
        behaviour=behaviour,
        today=date(2026, 12, 5) if later else date(2026, 11, 5),
        load={"pax8": month.pax8, "halopsa": _as_loaded(halo)},
        later=later,
        unanswered=month.settings | {"policy": policy},
        settings=settings,
        notes=month.notes,
        has_ids=has_ids,
    )


def _policy(rng: Random, behaviour: Behaviour) -> dict[str, Any]:
    return {
        "drop_azure": rng.random() < 0.2,
        "collapse_azure": rng.random() < 0.7,
        "drop_prorata": rng.random() < 0.3,
        "drop_zero": rng.random() < 0.7,
        "zero_test": rng.choice(("both", "charge")),
        "azure_scope": rng.choice(("azure_only", "all_arrears")),
        "behaviour": behaviour,
        "lifecycle": rng.choice(("create", "create", "default", "off")),
        "recurring_guard": "hold",
    }


def _repeat_an_id(rng: Random, items: list[dict[str, Any]]) -> None:
    """Two lines of the document under one id, as the vendor has been seen to do."""
    one, other = rng.sample(range(len(items)), 2)
    items[other]["id"] = items[one]["id"]


def _open_invoices(rng: Random, clients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An open invoice of last month for each client, with lines of somebody else."""
    made = []
    for place, client in enumerate(clients):
        number = 7000 + place
        made.append(
            {
                "id": number,
                "client_id": client["id"],
                "invoice_date": "2026-11-03T00:00:00",
                "currency_code": client["default_currency_code"],
                "lines": [
                    {
                        "id": number * 10 + position,
                        "ihid": number,
                        "item_shortdescription": text,
                        "qty_order": Decimal(quantity),
                        "unit_price": Decimal(price),
                        "unit_cost": Decimal("0.10"),
                        "comment_1": "written by hand",
                        "discount_perc": rng.choice((0, 0, Decimal("12.5"))),
                    }
                    for position, (text, quantity, price) in enumerate(
                        (("Callout £ “quoted”", "1.250", "80.0000"), ("Cable\n2 m", "3", "4.1"))
                    )
                ],
            }
        )
    return made


def _as_loaded(halo: dict[str, Any]) -> dict[str, Any]:
    """With every column that the vendor fills in: the load says all of what is there."""
    app = build_app(None, today=date(2026, 11, 5))
    app.vendors["halopsa"].load(copy.deepcopy(halo), False)
    filled: dict[str, Any] = loads(dumps(app.vendors["halopsa"].entities()))
    return filled


def sandbox_of(world: World) -> Sandbox:
    """Both vendors in this process, loaded."""
    app = build_app(None, today=world.today)
    for name, payload in world.load.items():
        app.vendors[name].load(copy.deepcopy(payload), False)
    return app


def state_of(app: Sandbox) -> dict[str, Any]:
    """HaloPSA's entities as they are now."""
    found: dict[str, Any] = loads(dumps(app.vendors["halopsa"].entities()))
    return found
