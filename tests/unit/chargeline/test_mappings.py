"""A mapping decided on the command line changes that decision and nothing beside it."""

from __future__ import annotations

from typing import Any

from chargeline.housekeeping import with_client
from schemas.settings import ClientMapping, Policy, Settings

RECURRING = Policy(behaviour="recurring")


def row(**changes: Any) -> ClientMapping:
    return ClientMapping.model_validate({"company": "c1", "halo": 42} | changes)


def test_naming_a_recurring_invoice_leaves_the_behaviour_that_needs_it() -> None:
    """The command that a `recurring-missing` offers must not undo what it is for."""
    before = Settings(client=(row(policy=RECURRING, integration_policy=Policy(drop_zero=True)),))
    (after,) = with_client(before, row(recurring=-94)).client
    assert (after.recurring, after.policy.behaviour) == (-94, "recurring")
    assert after.integration_policy.drop_zero is True


def test_another_client_does_not_take_over_the_recurring_invoice() -> None:
    before = Settings(client=(row(recurring=-94), row(company="c2", recurring=-95)))
    same = with_client(before, row()).client
    assert {one.company: one.recurring for one in same} == {"c1": -94, "c2": -95}
    other = with_client(before, row(halo=43)).client
    assert {one.company: one.recurring for one in other} == {"c1": None, "c2": -95}


def test_a_subscription_s_row_is_another_decision() -> None:
    before = Settings(client=(row(policy=RECURRING),))
    after = with_client(before, row(subscription="s1", halo=43))
    assert [(one.subscription, one.halo) for one in after.client] == [(None, 42), ("s1", 43)]
