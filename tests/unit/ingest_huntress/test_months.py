"""Which days a month bills, and the lines that come of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ingest_huntress.domain.charges import Group, grouped, undecided
from ingest_huntress.domain.guards import Baseline, Through
from ingest_huntress.domain.month import Taken, days_to_bill, month_of, taken_from
from schemas.count_settings import CountSettings
from schemas.periods import Period
from schemas.settings import Settings
from support.counts import count, counting_settings

OCTOBER = Period(start=date(2026, 10, 1), end=date(2026, 11, 1))
CUT_OFF = date(2026, 10, 31)
CHARGED = {"product": "edr", "bill": "charge", "price": "4.25", "cost": "2.10"}
ONE = {"company": "700101", "halo": 42}


def rule(**changes: Any) -> CountSettings:
    return CountSettings.model_validate(changes)


def charging(*clients: dict[str, Any], **changes: Any) -> Settings:
    return counting_settings(*(clients or (ONE,)), counts={"rule": [CHARGED]} | changes)


def lines(settings: Settings, *taken: Taken) -> dict[str, Group]:
    return grouped(taken, settings, "msp", OCTOBER)


def taken(units: int = 19, **changes: Any) -> Taken:
    given: dict[str, Any] = {"organization": "700101", "name": "Larkfield Dental", "product": "edr"}
    return Taken(**given | {"day": CUT_OFF, "units": units} | changes)


@pytest.mark.parametrize(
    ("document", "start", "end"),
    [
        ("2026-10", (2026, 10, 1), (2026, 11, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2028-02", (2028, 2, 1), (2028, 3, 1)),
    ],
)
def test_a_document_is_a_month(
    document: str, start: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    assert month_of(document) == Period(start=date(*start), end=date(*end))


@pytest.mark.parametrize("document", ["", "2026", "2026-13", "2026-1", "20261", "2026-10-01"])
def test_anything_else_is_none(document: str) -> None:
    assert month_of(document) is None


@pytest.mark.parametrize(
    ("month", "settings", "day"),
    [
        ("2026-10", {}, 31),
        ("2026-11", {}, 30),
        ("2027-02", {}, 28),
        ("2028-02", {"cut_off_day": 30}, 29),
        ("2026-10", {"cut_off_day": 20}, 20),
        ("2026-10", {"count_rule": "billing day", "billing_day": 14}, 14),
        ("2027-02", {"count_rule": "billing day", "billing_day": 31}, 28),
    ],
)
def test_22_the_rule_picks_the_right_day(month: str, settings: dict[str, Any], day: int) -> None:
    found = month_of(month)
    assert found is not None
    assert [one.day for one in days_to_bill(found, rule(**settings))] == [day]


def test_22_the_maximum_looks_at_every_day() -> None:
    days = days_to_bill(OCTOBER, rule(count_rule="maximum"))
    assert (days[0], days[-1], len(days)) == (date(2026, 10, 1), CUT_OFF, 31)
    rows = {day: [count(units=100 + day.day if day.day < 20 else 50)] for day in days}
    [most] = taken_from(rows, Baseline())
    assert (most.units, most.day) == (119, date(2026, 10, 19))


def test_what_waits_is_billed_with_the_larger_quantity_and_held() -> None:
    row = count(units=0, before=120, code="count-zero")
    [held] = taken_from({CUT_OFF: [row]}, Baseline())
    assert (held.units, held.code) == (120, "count-zero")


@pytest.mark.parametrize(
    "through", [Through(count=10), Through(count=44, accepted=(10,))], ids=["stands", "once"]
)
def test_what_was_accepted_since_is_not_held(through: Through) -> None:
    row = count(units=10, before=120, code="count-jump")
    [let] = taken_from({CUT_OFF: [row]}, Baseline(through={"700101": {"edr": through}}))
    assert (let.units, let.code) == (10, None)


def test_an_accepted_zero_is_no_line() -> None:
    row = count(units=0, before=120, code="organization-vanished")
    before = Baseline(through={"700101": {"edr": Through(count=0)}})
    assert taken_from({CUT_OFF: [row]}, before) == []


def test_a_count_that_is_not_known_is_held_whatever_was_let_through_before() -> None:
    row = count(units=19, before=19, code="count-unknown")
    through = Baseline(through={"700101": {"edr": Through(count=19)}})
    [held] = taken_from({CUT_OFF: [row]}, through)
    assert (held.units, held.code) == (19, "count-unknown")
    accepted = Baseline(through={"700101": {"edr": Through(count=19, accepted=(19,))}})
    [let] = taken_from({CUT_OFF: [row]}, accepted)
    assert (let.units, let.code) == (19, None)
    [first] = taken_from({CUT_OFF: [count(units=0, code="count-unknown")]}, Baseline())
    assert (first.units, first.code) == (0, "count-unknown"), "unknown is not zero"


def test_of_equal_counts_one_that_was_let_through_decides() -> None:
    waits = count(units=19, before=19, code="count-unknown")
    [one] = taken_from({date(2026, 10, 1): [waits], date(2026, 10, 2): [count()]}, Baseline())
    assert (one.code, one.day) == (None, date(2026, 10, 2))


def test_a_count_by_the_list_alone_is_held() -> None:
    [held] = taken_from({CUT_OFF: [count(warnings=["detail-not-read"])]}, Baseline())
    assert held.code == "count-detail-missing"


def test_a_line_is_quantity_times_the_msps_price() -> None:
    [group] = lines(charging(), taken()).values()
    [line] = group.lines
    assert (line.quantity, line.price, line.cost) == (Decimal(19), Decimal("4.25"), Decimal("2.10"))
    assert (line.total, line.cost_total) == (Decimal("80.75"), Decimal("39.90"))
    assert line.text == "Huntress Managed EDR, 2026-10, 19 endpoints"
    assert (line.start, line.end) == (date(2026, 10, 1), date(2026, 11, 1))
    assert (group.bill_to.name, group.price, group.cost) == (
        "client:42",
        Decimal("80.75"),
        Decimal("39.90"),
    )


def test_a_cost_that_nobody_entered_is_none() -> None:
    settings = counting_settings(ONE, counts={"rule": [CHARGED | {"cost": None}]})
    [group] = lines(settings, taken()).values()
    assert (group.lines[0].cost, group.lines[0].cost_total) == (None, None)


def test_r21_a_product_bills_by_licence_or_by_charge() -> None:
    assert lines(charging(), taken(product="sat")) == {}
    own = [CHARGED, {"product": "edr", "client": 42, "bill": "licence"}]
    assert lines(charging(rule=own), taken()) == {}


def test_a_clients_own_price_wins() -> None:
    own = [CHARGED, {"product": "edr", "client": 42, "price": "5"}]
    [group] = lines(charging(rule=own), taken()).values()
    assert group.price == Decimal(95)


def test_7_two_organizations_of_one_client_are_one_batch_of_two_lines() -> None:
    settings = charging(ONE, {"company": "700102", "halo": 42})
    found = lines(settings, taken(), taken(units=3, organization="700102", name="Branch"))
    [group] = found.values()
    assert [(line.company, line.quantity) for line in group.lines] == [
        ("700101", Decimal(19)),
        ("700102", Decimal(3)),
    ]
    assert len({line.id for line in group.lines}) == 2


def test_one_held_line_holds_its_batch_and_no_other() -> None:
    settings = charging(ONE, {"company": "700102", "halo": 43})
    found = lines(settings, taken(code="count-jump"), taken(product="edr", organization="700102"))
    assert {name: group.hold for name, group in found.items()} == {
        "client:42": "count-jump",
        "client:43": None,
    }


def test_9_an_organization_that_nobody_decided_about_is_a_company_to_match() -> None:
    settings = charging({"company": "1", "halo": 42})
    found = lines(settings, taken())
    [company] = undecided(found.values(), "USD")
    assert (company.company, company.name, company.price) == (
        "700101",
        "Larkfield Dental",
        {"USD": Decimal("80.75")},
    )


def test_8_a_company_whose_name_another_has_says_so() -> None:
    rows = {
        CUT_OFF: [count(), count(organization="700102", warnings=["organization-name-doubled"])]
    }
    found = lines(charging({"company": "1", "halo": 42}), *taken_from(rows, Baseline()))
    companies = undecided(found.values(), "USD")
    assert [company.name_doubled for company in companies] == [False, True]


def test_12_excluded_and_own_organizations_are_batches_that_say_so() -> None:
    settings = counting_settings(
        {"company": "700101", "exclude": True},
        counts={"rule": [CHARGED]},
        huntress={"own_organizations": ["700102"]},
    )
    found = lines(settings, taken(), taken(organization="700102"))
    assert [group.bill_to.exclude for group in found.values()] == [
        "excluded-client",
        "own-company",
    ]


def test_r11_a_recurring_client_without_counts_gets_an_empty_batch() -> None:
    mapping = ONE | {"recurring": 7, "policy": {"behaviour": "recurring"}}
    [group] = lines(charging(mapping)).values()
    assert (group.lines, group.bill_to.recurring) == ([], 7)
