"""One function a variety of the Huntress sheet (section 13), each adding organisations or rows."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any, Protocol

from sandbox.generate.halo import SHARED
from sandbox.generate.huntress_rows import (
    Part,
    edr,
    invoices,
    ispm,
    itdr,
    reseller_tables,
    sat,
    siem,
)
from sandbox.generate.names import HOSTILE
from sandbox.generate.world import Company, World
from sandbox.wire import dumps

type Row = dict[str, Any]

VARIETIES = {
    "1": "organization with EDR only",
    "2": "all five products, two identity tenants",
    "3": "ITDR and ISPM on the same tenant",
    "4": "product absent from actual_usages, list counter above 0",
    "5": "all counters 0",
    "6": "billable lower than agents_count",
    "7": "two organizations mapped to one client",
    "8": "two organizations with the same name, one empty",
    "9": "unmapped organization",
    "10": "organization renamed, key changed, same id",
    "11": "organization deleted between runs",
    "12": "the partner's own organization",
    "13": "only legacy fields filled",
    "14": "actual_usages as JSON text, as null, with an unknown product",
    "15": "unicode and 256-character names",
    "16": "500, 501, 1 001 organizations",
    "17": "429 on call 61",
    "18": "401, 403, HTML 502 body",
    "19": "reseller minimum above actual",
    "20": "invoice statuses voided, full_refund, draft",
    "21": "count drops from 120 to 0 overnight",
    "22": "cut-off day 31 in a short month, anniversary day 14",
}


class Plot(Protocol):
    """Where plants go."""

    rng: Random
    world: World
    first_day: date
    days: list[Row]
    tables: dict[str, list[Row]]
    own: list[int]

    def next_company(self) -> Company: ...
    def organization(
        self, variety: str, company: Company | None, name: str = "", **fields: Any
    ) -> Row: ...
    def unmap(self, row: Row) -> None: ...

    def units(self) -> int:
        """Most clients are small."""
        return min(400, max(2, round(self.rng.paretovariate(1.1) * 6)))

    def next_day(self, row: Row, **change: Any) -> None:
        """A change of an organisation on the day after the first."""
        day = (self.first_day + timedelta(days=1)).isoformat()
        self.days.append({"organization": row["id"], "day": day, **change})

    def ordinary(self, variety: str, company: Company, name: str = "") -> Row:
        """Endpoints always; some have identities, learners or log sources, too."""
        fields, usages = edr(self.units())
        for share, part in ((0.6, itdr), (0.5, sat), (0.2, siem)):
            if self.rng.random() < share:
                more, used = part(self.units())
                fields, usages = fields | more, usages | used
        return self.organization(variety, company, name, **fields, actual_usages=usages)


def _planted(variety: str, *parts: Part, **fields: Any) -> Callable[[Plot], None]:
    """One organisation of the next company, with these products."""

    def plant(plot: Plot) -> None:
        counters: Row = {}
        usages: Row = {}
        for more, used in parts:
            counters, usages = counters | more, usages | used
        row = {**counters, "actual_usages": usages, **fields}
        plot.organization(variety, plot.next_company(), **row)

    return plant


def _same_client(plot: Plot) -> None:
    """HaloPSA has one client for a holding and its branch."""
    shared = next(one for one in plot.world.companies if one.name == SHARED)
    for company in (shared, plot.world.role("by hand")):
        plot.ordinary("7", company)


def _twins(plot: Plot) -> None:
    """An installer called with an unknown key makes a second organisation of the same name."""
    company = plot.next_company()
    for part in (edr(23), edr(0)):
        counters, usages = part
        used = usages if counters["agents_count"] else {}
        twin = plot.organization("8", company, **counters, actual_usages=used)
        plot.unmap(twin)


def _unmapped(plot: Plot) -> None:
    plot.unmap(plot.ordinary("9", plot.world.role("missing")))


def _renamed(plot: Plot) -> None:
    row = plot.ordinary("10", plot.next_company())
    plot.next_day(row, set={"name": f"{row['name']} Group", "key": f"{row['key']}-renamed"})


def _deleted(plot: Plot) -> None:
    plot.next_day(plot.ordinary("11", plot.next_company()), delete=True)


def _own(plot: Plot) -> None:
    plot.own.append(int(plot.ordinary("12", plot.world.role("own"))["id"]))


def _odd_forms(plot: Plot) -> None:
    counters, usages = edr(11)
    for given in (dumps(usages).decode(), None, usages | {"mdr_plus": {"units": 3}}):
        plot.organization("14", plot.next_company(), **counters, actual_usages=given)


def _hostile(plot: Plot) -> None:
    for company in [one for one in plot.world.companies if one.name in HOSTILE]:
        plot.ordinary("15", company)
    plot.ordinary("15", plot.next_company(), name="N" * 256)


def _shortfall(plot: Plot) -> None:
    plot.tables |= reseller_tables()


def _invoices(plot: Plot) -> None:
    plot.tables["invoices"] = invoices()


def _moving(plot: Plot) -> None:
    """Each day of the month has its own count, so that a rule shows which day it took."""
    counters, usages = edr(100)
    row = plot.organization("22", plot.next_company(), **counters, actual_usages=usages)
    year, month = plot.first_day.year, plot.first_day.month
    for day in range(1, monthrange(year, month)[1] + 1):
        when = date(year, month, day).isoformat()
        plot.days.append({"organization": row["id"], "day": when, "edr": 100 + day})


def _vanishing(plot: Plot) -> None:
    counters, usages = edr(120)
    row = plot.organization("21", plot.next_company(), **counters, actual_usages=usages)
    plot.next_day(row, edr=0)


PLANTS: dict[str, Callable[[Plot], None]] = {
    "1": _planted("1", edr(12)),
    "2": _planted("2", edr(19, 2), itdr(15, 3), ispm(15), sat(17), siem(4)),
    "3": _planted("3", itdr(9), ispm(9)),
    "4": _planted("4", edr(8), sat(6), actual_usages=edr(8)[1]),
    "5": _planted("5"),
    "6": _planted("6", edr(19, 5)),
    "7": _same_client,
    "8": _twins,
    "9": _unmapped,
    "10": _renamed,
    "11": _deleted,
    "12": _own,
    "13": _planted("13", microsoft_365_users_count=14),
    "14": _odd_forms,
    "15": _hostile,
    "19": _shortfall,
    "20": _invoices,
    "21": _vanishing,
    "22": _moving,
}
