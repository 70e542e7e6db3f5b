"""The twenty line varieties of the Pax8 sheet, under each modifier alone."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.charges import ChargeLine

from .lines import azure, line, normalized, prorate

HOSTILE = 'a"b\\c\nd \u4e2d\u6587 \u202e <b>' + "x" * 300
ZERO: dict[str, Any] = {"price": "0", "cost": "0", "total": "0", "cost_total": "0"}
NEGATIVE: dict[str, Any] = {"total": "-7.5", "cost_total": "-6"}

# name: the line, and what drop Azure, collapse, drop prorata and drop zero make of it
KEEP, DROP, MERGE, EXCLUDE = "kept", "dropped", "collapsed", "excluded"
OUT = (EXCLUDE, EXCLUDE, EXCLUDE, EXCLUDE)
CASES: dict[str, tuple[ChargeLine, str, str, str, str]] = {
    "1 seat": (line(), KEEP, KEEP, KEEP, KEEP),
    "2 annual": (line(term="Annual", end="2027-11-01"), KEEP, KEEP, KEEP, KEEP),
    "2 three years": (line(term="3 Year", end="2029-11-01"), KEEP, KEEP, KEEP, KEEP),
    "3 positive prorate": (prorate(), KEEP, KEEP, KEEP, KEEP),
    "4a negative quantity": (prorate(quantity="-3", **NEGATIVE), KEEP, KEEP, DROP, KEEP),
    "4b negative units": (
        prorate(quantity="3", price="-2.5", cost="-2", **NEGATIVE), KEEP, KEEP, DROP, KEEP,
    ),
    "4c negative totals only": (
        prorate(price=None, cost=None, quantity="3", **NEGATIVE), KEEP, KEEP, DROP, KEEP,
    ),
    "4c units of zero": (prorate(price="0", cost="0", **NEGATIVE), KEEP, KEEP, DROP, KEEP),
    "5 tiny prorate": (prorate(total="0.003", cost_total="0.002"), KEEP, KEEP, KEEP, DROP),
    "6 Azure usage": (azure(total="24.2912", cost_total="22.0811"), DROP, MERGE, KEEP, KEEP),
    "7 Azure container": (azure(unit="Each", **ZERO), DROP, MERGE, KEEP, DROP),
    "8 Azure reservation": (
        azure(text="Azure Reserved VM Instance", name="Azure Reserved VM Instance"),
        DROP, MERGE, KEEP, KEEP,
    ),
    "9 Azure credit": (azure(**NEGATIVE), DROP, MERGE, KEEP, KEEP),
    "10 other arrears": (
        line(term="Arrears", name="AWS", text="AWS usage", vendor="Amazon"),
        KEEP, KEEP, KEEP, KEEP,
    ),
    "11 one-time": (
        line(type="one-time", term="One-Time", subscription=None), KEEP, KEEP, KEEP, KEEP,
    ),
    "12 trial": (line(term="Trial", **ZERO), KEEP, KEEP, KEEP, DROP),
    "13 given away": (line(price="0", total="0"), KEEP, KEEP, KEEP, KEEP),
    "14 service charge": (line(type="service-charge"), KEEP, KEEP, KEEP, KEEP),
    "14 service credit": (line(type="service-credit", **NEGATIVE), KEEP, KEEP, KEEP, KEEP),
    "15 rebate": (line(type="rebate", **NEGATIVE), *OUT),
    "15 payment credit": (line(type="payment-credit", company="", **NEGATIVE), *OUT),
    "15 invoice credit": (line(type="invoice-credit", **NEGATIVE), *OUT),
    "16 billed by Pax8": (line(billed_by_source=True), *OUT),
    "19 hostile name": (line(name=HOSTILE, text=HOSTILE), KEEP, KEEP, KEEP, KEEP),
}  # fmt: skip
MODIFIERS = ("drop_azure", "collapse_azure", "drop_prorata", "drop_zero")


@pytest.mark.parametrize("modifier", range(4), ids=MODIFIERS)
@pytest.mark.parametrize("name", CASES)
def test_each_variety_under_each_modifier(name: str, modifier: int) -> None:
    given, *expected = CASES[name]
    out = normalized([given], {MODIFIERS[modifier]: True})
    assert out[1].outcome == expected[modifier]
    assert out.total() == (1, given.total, given.cost_total)


@pytest.mark.parametrize("name", CASES)
def test_no_variety_is_touched_when_nothing_is_on(name: str) -> None:
    given = CASES[name][0]
    out = normalized([given])
    assert out[1].outcome == (EXCLUDE if CASES[name][1] == EXCLUDE else KEEP)
    assert (out[1].text, out[1].name) == (given.text, given.name)


@pytest.mark.parametrize("modifier", ["drop_azure", "collapse_azure"])
def test_variety_10_other_arrears_count_as_azure_only_in_the_wide_scope(modifier: str) -> None:
    given = CASES["10 other arrears"][0]
    out = normalized([given], {modifier: True, "azure_scope": "all_arrears"})
    assert out[1].outcome == (DROP if modifier == "drop_azure" else MERGE)


def test_variety_17_a_line_without_company_is_held_and_never_excluded() -> None:
    out = normalized([line(company="")], bill_to="company:none", hold="company-missing")
    assert out.ended == {"line_1": "held company-missing"}


def test_variety_18_lines_that_look_the_same_both_survive() -> None:
    twins = [line(1), line(1).model_copy(update={"id": "line_2"})]
    out = normalized(twins)
    assert out.ended == {"line_1": "kept", "line_2": "kept"}
    assert out[1].slot != out[2].slot


def test_variety_20_each_currency_has_a_collapsed_line_of_its_own() -> None:
    dollars = normalized([azure()], {"collapse_azure": True})
    pounds = normalized([azure()], {"collapse_azure": True}, currency="GBP")
    assert dollars.merged.id != pounds.merged.id
