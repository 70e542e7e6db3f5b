"""What the vendors' documents leave open is a setting, and each one says what it rests on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from schemas.assumed import Assumption, assumed, assumptions
from schemas.settings import Settings


def by_name(**changes: Any) -> dict[str, Assumption]:
    return {one.setting: one for one in assumptions(Settings.model_validate(changes))}


def test_what_is_assumed_is_listed_with_its_value_its_sense_and_its_ground() -> None:
    found = by_name(halopsa={"look_days": 90}, pax8={"azure_products": ["p1"]})
    assert found["halopsa.look_days"][1:3] == (90, False)
    assert found["halopsa.price_places"][1:3] == (4, True)
    assert found["halopsa.sends_email"][1:3] == (None, True)
    assert found["pax8.azure_products"][1:3] == (["p1"], False)
    assert all(one.about and one.rests_on for one in found.values())


# What no document has to settle: who the tenant is, and what it chose.
CHOSEN = {"url", "tenant", "item_group", "find_by_search", "own_organizations"}
DOCUMENTED = {"huntress.calls_per_minute"}


@pytest.mark.parametrize("account", ["halopsa", "huntress"])
def test_no_setting_of_an_account_is_forgotten(account: str) -> None:
    model = getattr(Settings(), account)
    names = {f"{account}.{name}" for name in type(model).model_fields if name not in CHOSEN}
    assert names - DOCUMENTED <= by_name().keys()


def test_whoever_adds_one_need_not_add_it_anywhere_else() -> None:
    class Account(BaseModel):
        lag_s: float = assumed(2.5, "seconds that a list lags", "nobody says", ge=0)
        name: str = "x"

    class Known(BaseModel):
        vendor: Account = Account()

    assert list(assumptions(Known())) == [
        Assumption("vendor.lag_s", 2.5, True, "seconds that a list lags", "nobody says")
    ]
