"""What nobody knows is held where it decides (ADR 0019), before every modifier."""

from __future__ import annotations

import pytest

from schemas.accounts import LineType, Pax8Account
from schemas.settings import Settings

from .lines import ALL_ON, azure, line, normalized


@pytest.mark.parametrize("type_", ["", "mystery", "subscription2"])
def test_an_unknown_type_is_held_with_its_money(type_: str) -> None:
    given = line(type=type_)
    out = normalized([given], ALL_ON)
    assert out.ended == {"line_1": "held type-unknown"}
    assert out.total() == (1, given.total, given.cost_total)


@pytest.mark.parametrize(
    "known", ["", "Monthly", "2 Year", "3-Year", "One-time", "Activation", "Trial", "Arrears"]
)
def test_the_sheets_terms_are_known_in_every_spelling(known: str) -> None:
    assert normalized([line(term=known)]).ended == {"line_1": "kept"}


def test_an_unknown_term_is_held() -> None:
    assert normalized([line(term="Weird")]).ended == {"line_1": "held term-unknown"}


def test_who_bills_is_asked_before_anything_is_dropped() -> None:
    unclear = azure(unclear=["billed-by-unclear"])
    assert normalized([unclear], ALL_ON).ended == {"line_1": "held billed-by-unclear"}


def test_usage_is_told_by_other_signs_than_its_type() -> None:
    assert normalized([azure(type="usage")]).ended == {"line_1": "kept"}
    aws = line(type="usage", term="Arrears", name="AWS", text="AWS")
    assert normalized([aws]).ended == {"line_1": "kept"}


def test_r5_what_is_excluded_is_excluded_whatever_else_is_unknown() -> None:
    rebate = line(type="rebate", term="Weird")
    assert normalized([rebate]).ended == {"line_1": "excluded rebate"}


def test_the_settings_give_new_words_a_meaning() -> None:
    new: dict[str, LineType] = {"New Type": "rebate", "other": "prorate"}
    settings = Settings(pax8=Pax8Account(types=new, terms=("5 Year",)))
    credit = line(2, type="other", term="5-Year", total="-1", cost_total="-1")
    out = normalized([line(1, type="new-type"), credit], {"drop_prorata": True}, settings)
    assert out.ended == {"line_1": "excluded rebate", "line_2": "dropped drop-prorata"}


def test_an_unreadable_period_is_a_warning_and_no_hold() -> None:
    out = normalized([line(unclear=["period-unreadable"], start=None)])
    assert out.ended == {"line_1": "kept"}
    assert out[1].warnings == ("period-unreadable",)
