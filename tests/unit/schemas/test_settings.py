"""R6: three states at four levels; the last level that says something wins."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.records import Record
from chassis.versions import COLLECTION, SettingsVersions
from schemas.billing import Billing
from schemas.setting_values import SOURCES
from schemas.settings import (
    Automation,
    ClientMapping,
    EffectivePolicy,
    IntegrationSettings,
    Level,
    Policy,
    Settings,
)
from support.memory_records import MemoryRecords

LEVELS: tuple[Level, ...] = ("global", "integration", "client", "client within integration")
MODIFIERS = ("drop_azure", "collapse_azure", "drop_prorata", "drop_zero", "post_partial")
STATES: tuple[bool | None, ...] = (None, False, True)


def effective(name: str, states: tuple[bool | None, ...]) -> EffectivePolicy:
    at = [Policy.model_validate({name: state}) for state in states]
    mapping = ClientMapping(company="c", halo=1, policy=at[2], integration_policy=at[3])
    settings = Settings(policy=at[0], integration={"pax8": IntegrationSettings(policy=at[1])})
    return settings.policy_for("pax8", mapping)


@pytest.mark.parametrize("name", MODIFIERS)
def test_r6_every_combination_of_levels_gives_the_last_one_set(name: str) -> None:
    combinations = list(product(STATES, repeat=len(LEVELS)))
    assert len(combinations) == 81
    for states in combinations:
        said = [(level, s) for level, s in zip(LEVELS, states, strict=True) if s is not None]
        level, value = said[-1] if said else ("default", False)
        policy = effective(name, states)
        assert (getattr(policy, name), policy.level_of(name)) == (value, level), states


def test_r6_a_lower_off_beats_an_upper_on() -> None:
    policy = effective("drop_zero", (True, True, None, False))
    assert policy.drop_zero is False
    assert policy.level_of("drop_zero") == "client within integration"


def test_r6_each_value_has_its_own_level() -> None:
    settings = Settings(policy=Policy(drop_azure=True, zero_test="charge"))
    mapping = ClientMapping(company="c", halo=1, policy=Policy(behaviour="latest"))
    policy = settings.policy_for("pax8", mapping)
    assert policy.level_of("drop_azure") == policy.level_of("zero_test") == "global"
    assert policy.level_of("behaviour") == "client"
    assert policy.level_of("drop_zero") == "default"


def test_another_sources_settings_and_a_missing_mapping_say_nothing() -> None:
    settings = Settings(
        integration={"huntress": IntegrationSettings(policy=Policy(drop_zero=True))}
    )
    assert settings.policy_for("pax8", None) == EffectivePolicy()
    assert settings.policy_for("huntress", None).drop_zero is True


def test_r3_a_second_client_needs_the_subscription() -> None:
    first = ClientMapping(company="c", halo=1)
    with pytest.raises(ValidationError, match="company c of pax8 is mapped twice"):
        Settings(client=(first, ClientMapping(company="c", halo=2)))
    Settings(client=(first, ClientMapping(company="c", subscription="s", halo=2)))
    Settings(client=(first, ClientMapping(source="huntress", company="c", halo=2)))


def test_the_same_settings_are_the_same_version_and_a_change_is_another() -> None:
    a, b = Settings(policy=Policy(drop_zero=True)), Settings(policy=Policy(drop_zero=True))
    assert a.version == b.version
    assert a.version != Settings(policy=Policy(drop_zero=False)).version
    assert Settings.model_validate_json(a.model_dump_json()).version == a.version


def test_a_key_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="drop_zeros"):
        Policy.model_validate({"drop_zeros": True})


AUTOMATIC = Automation(automatic=True)
MANUAL = Policy(lifecycle="manual")


@pytest.mark.parametrize(
    "said",
    [
        {"policy": MANUAL},
        {"integration": {"pax8": IntegrationSettings(policy=MANUAL)}},
        {"client": (ClientMapping(company="c", halo=1, policy=MANUAL),)},
        {"client": (ClientMapping(company="c", halo=1, integration_policy=MANUAL),)},
    ],
)
def test_r7_manual_and_automatic_are_refused_together_at_every_level(said: dict[str, Any]) -> None:
    assert not Settings(**said).contradicts
    with pytest.raises(ValidationError, match="refused together with automatic runs"):
        Settings(automation=AUTOMATIC, **said)


def test_r7_a_manual_that_a_lower_level_takes_back_speaks_against_nothing() -> None:
    create = {source: IntegrationSettings(policy=Policy(lifecycle="create")) for source in SOURCES}
    settings = Settings(automation=AUTOMATIC, policy=MANUAL, integration=create)
    assert not settings.is_manual("pax8")


OLDER: dict[str, Any] = {
    "tenant": {"currency": "usd"},
    "policy": {"lifecycle": "manual"},
    "automation": {"automatic": True, "approval_limit": "abc"},
    "integration": {"pax9": {"policy": {"drop_zero": True}}},
    "client": [
        {"source": "pax9", "company": "a", "exclude": True},
        {"company": "b", "halo": -5, "exclude": True},
        {"company": "c"},
    ],
    "product": [{"product": "p", "halo": 0}],
}


async def test_what_was_stored_before_it_was_refused_reads_as_it_was_stored() -> None:
    body = json.dumps(OLDER).encode()
    with pytest.raises(ValidationError):
        Settings.model_validate_json(body)
    records = MemoryRecords()
    await records.insert(Record("t", COLLECTION, "older", 0, body))
    settings = await SettingsVersions(records).read("t", "older")
    told = settings.model_dump(mode="json", exclude_unset=True)
    assert told == OLDER
    assert Billing(settings, "pax8").of("b", None).exclude == "excluded-client"
