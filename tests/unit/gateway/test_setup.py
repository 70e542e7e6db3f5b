"""A set-up takes the answer to its own step, once; what nothing decides is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.setup import Answer, Setup, SetupStage, undecided
from schemas.bodies import AtSource
from schemas.messages import CompaniesMatched, CompaniesRead, Company, ProductsMatched
from schemas.settings import Settings

HEAD: dict[str, Any] = {"tenant": "msp", "run": "setup_1", "revision": 7, "settings": "s"}


def setup(stage: SetupStage) -> Setup:
    return Setup(
        setup="setup_1", tenant="msp", revision=7, settings="s", connection="halo", stage=stage
    )


def test_only_the_answer_to_the_step_under_way_is_awaited() -> None:
    to_halo = HEAD | {"connection": "halo"}
    answers: dict[SetupStage, Answer] = {
        SetupStage.READING: CompaniesRead(**HEAD),
        SetupStage.CLIENTS: CompaniesMatched(**to_halo),
        SetupStage.PRODUCTS: ProductsMatched(**to_halo),
    }
    for stage in SetupStage:
        awaited = {step for step, fact in answers.items() if setup(stage).awaits(fact)}
        assert awaited == ({stage} & answers.keys()), "one that comes twice changes nothing"


@pytest.mark.parametrize("other", [{"run": "setup_0"}, {"revision": 6}])
def test_the_answer_to_an_older_one_is_nobodys(other: dict[str, Any]) -> None:
    assert not setup(SetupStage.READING).awaits(CompaniesRead(**(HEAD | other)))


def test_who_is_mapped_left_out_or_the_msp_itself_is_not_asked_about() -> None:
    settings = Settings.model_validate(
        {
            "tenant": {"own_company": "msp"},
            "client": [
                {"company": "mapped", "halo": 1},
                {"company": "left-out", "exclude": True},
                {"company": "in-part", "subscription": "s1", "halo": 2},
                {"source": "huntress", "company": "elsewhere", "halo": 3},
            ],
        }
    )
    names = ("mapped", "left-out", "in-part", "elsewhere", "msp", "new")
    found = AtSource(companies=[Company(company=name) for name in names])
    asked = [company.company for company in undecided(found, settings, "pax8")]
    assert asked == ["in-part", "elsewhere", "new"]
