"""R5, R6 and R11 as they decide a line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chassis.errors import PermanentError
from schemas.accounts import Pax8Account
from schemas.charges import ChargeLine, DecidedLine
from schemas.settings import EffectivePolicy, Exclusions, Settings

from .lines import ALL_ON, azure, line, normalized, prorate


@pytest.mark.parametrize("kind", ["rebate", "payment-credit", "invoice-credit"])
def test_r5_each_exclusion_has_its_switch(kind: str) -> None:
    off = Settings(exclusions=Exclusions.model_validate({kind.replace("-", "_"): False}))
    assert normalized([line(type=kind)]).ended == {"line_1": f"excluded {kind}"}
    assert normalized([line(type=kind)], settings=off).ended == {"line_1": "kept"}


def test_r5_exclusions_come_before_every_modifier() -> None:
    lines = [azure(1, billed_by_source=True), azure(2, type="rebate")]
    out = normalized(lines, ALL_ON)
    assert out.ended == {"line_1": "excluded billedByPax8", "line_2": "excluded rebate"}


def test_r5_a_batch_that_is_excluded_is_so_to_the_last_line() -> None:
    out = normalized([line(1), azure(2)], ALL_ON, exclude="own-company")
    assert set(out.ended.values()) == {"excluded own-company"}
    assert out.head.kept_lines == 0


def test_r6_drop_azure_beats_collapse() -> None:
    out = normalized([azure(1)], ALL_ON)
    assert out.ended == {"line_1": "dropped drop-azure"}


def test_r6_drop_prorata_comes_before_collapse() -> None:
    out = normalized([azure(1, type="prorate", total="-5", cost_total="-4"), azure(2)], {
        "drop_prorata": True, "collapse_azure": True,
    })  # fmt: skip
    assert out.ended == {"line_1": "dropped drop-prorata", "line_2": "collapsed collapse-azure"}


def test_r6_drop_zero_looks_at_the_line_after_collapse() -> None:
    crumbs = [azure(n, total="0.003", cost_total="0.003") for n in range(1, 5)]
    out = normalized(crumbs, {"collapse_azure": True, "drop_zero": True})
    assert set(out.ended.values()) == {"collapsed collapse-azure"}
    assert out.merged.total == Decimal("0.012")
    alone = normalized(crumbs, {"drop_zero": True})
    assert set(alone.ended.values()) == {"dropped drop-zero"}


def test_r6_azure_that_cancels_out_is_dropped_as_zero() -> None:
    out = normalized(
        [azure(1, total="5", cost_total="4"), azure(2, total="-5", cost_total="-4")],
        {"collapse_azure": True, "drop_zero": True},
    )
    assert set(out.ended.values()) == {"dropped drop-zero"}
    assert (out.head.collapsed, out.head.merged, out.head.kept_lines) == (0, 0, 0)


@pytest.mark.parametrize(
    ("total", "cost", "test", "dropped"),
    [
        ("0", "0", "both", True),
        ("0.004", "-0.004", "both", True),
        ("0.005", "0", "both", False),
        ("0", "0.01", "both", False),
        ("0", "0.01", "charge", True),
        ("0.01", "0", "charge", False),
    ],
)
def test_r6_zero_test_looks_at_both_sides_or_at_the_charge(
    total: str, cost: str, test: str, dropped: bool
) -> None:
    out = normalized([line(total=total, cost_total=cost)], {"drop_zero": True, "zero_test": test})
    assert (out[1].rule == "drop-zero") is dropped


def test_r6_zero_is_zero_in_the_currency_of_the_batch() -> None:
    tiny = [line(total="0.4", cost_total="0.4")]
    assert normalized(tiny, {"drop_zero": True}, currency="JPY")[1].outcome == "dropped"
    assert normalized(tiny, {"drop_zero": True}, currency="USD")[1].outcome == "kept"


def test_r6_the_exact_amount_counts_as_dropped() -> None:
    out = normalized([line(total="0.003", cost_total="0.001")], {"drop_zero": True})
    [entry] = out.head.money
    assert (entry.price, entry.cost) == (Decimal("0.003"), Decimal("0.001"))


@pytest.mark.parametrize("drop_zero", [True, False])
def test_r6_a_charge_of_nothing_with_a_cost_is_given_away(drop_zero: bool) -> None:
    out = normalized([line(total="0", cost_total="5")], {"drop_zero": drop_zero})
    assert (out[1].outcome, out[1].warnings) == ("kept", ("given-away",))


def test_r6_without_a_total_the_cost_says_whether_prorata_is_favourable() -> None:
    lines = [prorate(1, total=None, cost_total="-3"), prorate(2, total=None, cost_total="3")]
    out = normalized(lines, {"drop_prorata": True})
    assert out.ended == {"line_1": "dropped drop-prorata", "line_2": "held amount-missing"}


@pytest.mark.parametrize(("total", "cost"), [("-3", "2"), ("3", "-2")])
def test_r6_prorata_of_opposite_signs_is_kept_with_a_warning(total: str, cost: str) -> None:
    out = normalized([prorate(total=total, cost_total=cost)], {"drop_prorata": True})
    assert (out[1].outcome, out[1].warnings) == ("kept", ("prorate-signs",))


@pytest.mark.parametrize(
    "kind", ["service-credit", "rebate", "payment-credit", "invoice-credit", "subscription"]
)
def test_r6_credits_are_never_taken_for_prorata(kind: str) -> None:
    out = normalized([line(type=kind, total="-3", cost_total="-2")], {"drop_prorata": True})
    assert out[1].outcome != "dropped"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-10-20", "2026-11-01", True),
        ("2026-11-01", "2026-12-01", False),
        ("2026-09-01", "2026-10-10", False),
    ],
)
def test_r6_half_a_change_dropped_says_what_the_customer_pays(
    start: str, end: str, said: bool
) -> None:
    credit = prorate(1, subscription="same", total="-12.344", cost_total="-9")
    charge = prorate(2, subscription="same", total="20", start=start, end=end)
    out = normalized([credit, charge], {"drop_prorata": True})
    assert out[1].rule == "drop-prorata"
    text = "credit half of a change dropped: the customer pays 12.34 more"
    assert out[1].warnings == ((text,) if said else ())


def test_r6_another_subscription_is_another_change() -> None:
    lines = [prorate(1, total="-5", cost_total="-4"), prorate(2, total="20")]
    assert normalized(lines, {"drop_prorata": True})[1].warnings == ()


def test_r6_the_statement_names_the_level_that_decided() -> None:
    policy = {"drop_zero": True, "levels": {"drop_zero": "client within integration"}}
    out = normalized([line(total="0", cost_total="0")], policy)
    assert out[1].level == "client within integration"


def test_r6_one_collapsed_line_holds_the_sums_and_the_whole_period() -> None:
    lines = [
        azure(1, total="24.2912", cost_total="22.08", start="2026-10-01", end="2026-10-15"),
        azure(2, total="-0.1", cost_total="-0.05", start="2026-10-05", end="2026-11-01"),
        line(3),
    ]
    out = normalized(lines, {"collapse_azure": True})
    merged = out.merged
    assert (merged.total, merged.cost_total) == (Decimal("24.1912"), Decimal("22.03"))
    assert (merged.quantity, merged.price, merged.cost) == (
        Decimal(1), Decimal("24.1912"), Decimal("22.03"),
    )  # fmt: skip
    assert merged.text == "Microsoft Azure, 2026-10-01 to 2026-10-31, 2 charges"
    assert (merged.product_key, merged.kind, merged.members) == ("azure-collapsed", "usage", 2)
    assert (out[1].into, out[2].into) == (merged.id, merged.id)
    assert (out.head.collapsed, out.head.merged, out.head.kept_lines) == (2, 1, 2)


def test_r6_companies_of_one_client_share_one_collapsed_line() -> None:
    out = normalized([azure(1), azure(2, company="company-2")], {"collapse_azure": True})
    assert out.merged.company == ""
    assert {out[1].company, out[2].company} == {"company-1", "company-2"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"text": "Usage", "details": azure().text}, True),
        ({"text": "Usage"}, True),  # Microsoft, and Azure in the name
        ({"text": "Usage", "name": "Usage"}, False),
        ({"text": "Usage", "name": "Usage", "product": "listed"}, True),
        ({"text": "Usage", "name": "Usage", "sku": "MST-EXM-AZP-C100"}, True),
        ({"text": "Usage", "vendor": None}, True),  # older data has no vendor
        ({"text": "Usage", "vendor": "Somebody"}, False),
        ({"text": "Azure usage 7b0c2d1e-1111-4222-8333-944455556666", "vendor": None}, True),
    ],
)
def test_r6_azure_is_told_by_each_sign_of_the_sheet(changes: dict[str, Any], found: bool) -> None:
    settings = Settings(pax8=Pax8Account(azure_products=("listed",)))
    out = normalized([azure(**changes)], {"drop_azure": True}, settings)
    assert (out[1].outcome == "dropped") is found


def test_r6_a_seat_with_azure_in_its_name_is_no_usage() -> None:
    seat = line(name="Azure Active Directory Premium P1", vendor="Microsoft")
    assert normalized([seat], {"drop_azure": True})[1].outcome == "kept"


def test_r7_a_line_without_product_and_sku_is_held() -> None:
    out = normalized([line(1, product=None, sku=None), line(2, product=None)])
    assert out.ended == {"line_1": "held product-missing", "line_2": "kept"}
    assert out[2].product_key == "pax8:SKU-2:monthly"


def test_a_line_without_any_amount_is_held() -> None:
    out = normalized([line(total=None, cost_total=None)], ALL_ON)
    assert out.ended == {"line_1": "held amount-missing"}


def test_a_batch_on_hold_holds_what_would_be_billed() -> None:
    lines = [line(1), azure(2), line(3, total="0", cost_total="0"), line(4, type="rebate")]
    policy = {"collapse_azure": True, "drop_zero": True}
    out = normalized(lines, policy, hold="replacement")
    assert out.ended == {
        "line_1": "held replacement",
        "line_2": "held replacement",
        "line_3": "dropped drop-zero",
        "line_4": "excluded rebate",
    }
    assert (out.head.hold, out.head.kept_lines) == ("replacement", 0)


def test_a_batch_too_large_is_held_with_its_money() -> None:
    out = normalized([], hold="batch-too-large", lines=20_000, price="5.5", cost="4")
    [entry] = out.head.money
    assert (entry.outcome, entry.reason, entry.lines) == ("held", "batch-too-large", 20_000)
    assert (entry.price, entry.cost) == (Decimal("5.5"), Decimal(4))


def test_a_batch_too_large_of_an_excluded_client_is_excluded() -> None:
    out = normalized([], hold="batch-too-large", exclude="own-company", lines=20_000)
    [entry] = out.head.money
    assert (entry.outcome, entry.reason) == ("excluded", "own-company")


@pytest.mark.parametrize("charges", [[], [line(1)]])
def test_lines_that_got_lost_on_the_way_are_noticed(charges: list[ChargeLine]) -> None:
    with pytest.raises(PermanentError, match="lines-differ"):
        normalized(charges, lines=2)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "seat"),
        ({"type": "prorate"}, "prorate"),
        ({"type": "one-time"}, "one-time"),
        ({"type": "service-charge"}, "one-time"),
        ({"type": "service-credit"}, "credit"),
        ({"term": "Arrears"}, "usage"),
        ({"type": "unheard-of"}, "seat"),
        ({"type": "unheard-of", "subscription": None}, "one-time"),
    ],
)
def test_r11_a_line_has_a_kind(changes: dict[str, Any], kind: str) -> None:
    assert normalized([line(**changes)])[1].kind == kind


def slot(document: str = "document-1", **changes: Any) -> str:
    found: DecidedLine = normalized([line(**changes)], document=document)[1]
    return found.slot


def test_r11_a_slot_outlives_the_document_and_the_amounts() -> None:
    assert slot() == slot("document-2", total="9", quantity="4", price="1", start="2026-12-01")


@pytest.mark.parametrize(
    "changes",
    [{"company": "c"}, {"subscription": "s"}, {"type": "prorate"}, {"term": "Arrears"}],
)
def test_r11_another_company_subscription_or_kind_is_another_slot(changes: dict[str, str]) -> None:
    assert slot() != slot(**changes)


def test_r11_without_a_subscription_product_and_term_make_the_slot() -> None:
    assert slot(subscription=None) != slot(subscription=None, product="p")
    assert slot(subscription=None) != slot(subscription=None, term="Annual")
    assert slot(subscription=None, product="p") == slot(subscription=None, product="p")


def test_the_policy_and_the_chain_travel_on() -> None:
    out = normalized([line()], {"behaviour": "latest"}, replaces=("old",), recurring=-3)
    assert out.head.policy == EffectivePolicy(behaviour="latest")
    assert (out.head.replaces, out.head.recurring, out.head.client) == (("old",), -3, 7)
