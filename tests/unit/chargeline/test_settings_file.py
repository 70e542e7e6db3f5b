"""The settings file: a typo names its line and the nearest key; an import keeps a person's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargeline.settings_file import SettingsFile, merged, read_settings
from chassis.errors import PermanentError
from schemas.settings import ClientMapping, ProductMapping, Settings

WHOLE = """
[tenant]
name = "Summit IT"
timezone = "America/Denver"
currency = "USD"

[halopsa]
url = "https://summit.halopsa.com"
client_id = "halo id"
client_secret = "halo secret"

[pax8]
client_id = "pax8 id"
client_secret = "pax8 secret"

[defaults]
income = "200"
expense = "310"
tax = 4
item = 900

[policy]
drop_azure = false
zero_test = "both"
behaviour = "latest"
lifecycle = "create"

[integration.pax8.policy]
drop_zero = true

[automation]
approval_limit = "9"
usual_range = "0.5"

[[client]]
source = "pax8"
company = "acme"
halo = 41
recurring = -41
policy = { drop_azure = true }
integration_policy = { drop_zero = false }

[[client]]
company = "ourselves"
exclude = true

[[product]]
source = "pax8"
product = "seat"
term = "Monthly"
halo = 7
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def read(path: Path, text: str) -> SettingsFile:
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def refused(path: Path, text: str) -> str:
    with pytest.raises(PermanentError) as failure:
        read(path, text)
    assert failure.value.code == "settings-file"
    return failure.value.text


def line_of(text: str, words: str) -> int:
    return text.splitlines().index(words) + 1


def test_every_table_that_is_promised_is_read(path: Path) -> None:
    found = read(path, WHOLE)
    settings = found.settings
    assert settings.tenant.timezone == "America/Denver"
    assert settings.halopsa.url == "https://summit.halopsa.com"
    assert settings.defaults.item == 900
    assert settings.policy.behaviour == "latest"
    assert settings.integration["pax8"].policy.drop_zero is True
    assert [row.company for row in settings.client] == ["acme", "ourselves"]
    assert settings.client[0].integration_policy.drop_zero is False
    assert settings.client[1].exclude
    assert settings.product[0].term == "Monthly"


def test_credentials_are_kept_apart_from_the_settings(path: Path) -> None:
    found = read(path, WHOLE)
    client_id, secret = found.credentials["halopsa"]
    assert (client_id, secret.get_secret_value()) == ("halo id", "halo secret")
    told = found.settings.model_dump_json() + repr(found)
    assert "halo secret" not in told
    assert "pax8 secret" not in told


@pytest.mark.parametrize(
    ("right", "wrong", "nearest", "table"),
    [
        ("drop_azure = false", "drop_azur = false", "drop_azure", "[policy]"),
        ('income = "200"', 'incomes = "200"', "income", "[defaults]"),
        ('url = "https://summit.halopsa.com"', 'uri = "x"', "url", "[halopsa]"),
        ('client_id = "pax8 id"', 'client_ids = "x"', "client_id", "[pax8]"),
        ("exclude = true", "excluded = true", "exclude", "[client]"),
        ("halo = 7", "hallo = 7", "halo", "[product]"),
        ("drop_zero = true", "drop_zeros = true", "drop_zero", "[integration.pax8.policy]"),
    ],
)
def test_an_unknown_key_names_its_line_and_the_nearest(
    path: Path, right: str, wrong: str, nearest: str, table: str
) -> None:
    text = WHOLE.replace(right, wrong)
    said = refused(path, text)
    assert f"settings.toml, line {line_of(text, wrong)}: " in said
    assert f"did you mean `{nearest}`?" in said
    assert table in said


def test_an_unknown_table_names_its_line(path: Path) -> None:
    text = WHOLE.replace("[policy]", "[polici]")
    said = refused(path, text)
    assert f"line {line_of(text, '[polici]')}: there is no `polici` in the top level" in said
    assert "did you mean `policy`?" in said


@pytest.mark.parametrize(
    ("right", "wrong", "allowed"),
    [
        ('behaviour = "latest"', 'behaviour = "newest"', "'new', 'latest' or 'recurring'"),
        ("halo = 7", 'halo = "seven"', "a whole number"),
        ("recurring = -41", "recurring = true-ish", ""),
        ("exclude = true", 'exclude = "perhaps"', "true or false"),
        ('income = "200"', "income = 200", "a text in quotes"),
    ],
)
def test_a_wrong_value_names_its_line_and_what_is_allowed(
    path: Path, right: str, wrong: str, allowed: str
) -> None:
    text = WHOLE.replace(right, wrong)
    said = refused(path, text)
    assert f"line {line_of(text, wrong)}" in said
    assert allowed in said


def test_a_wrong_value_in_a_second_row_is_found_in_that_row(path: Path) -> None:
    text = WHOLE.replace("exclude = true", 'halo = "x"')
    assert f'line {line_of(text, 'halo = "x"')}: `client.halo` is "x"' in refused(path, text)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('source = "pax8"', 'source = "pax9"', "there is no source `pax9`: did you mean `pax8`?"),
        (
            "[integration.pax8.policy]",
            "[integration.pax9.policy]",
            "`integration.pax9` can not be: there is no source `pax9`: did you mean `pax8`?",
        ),
        ('behaviour = "latest"', 'behaviour = "latst"', "did you mean `latest`?"),
        ('currency = "USD"', 'currency = "usd"', "allowed: three capital letters, e.g. EUR"),
        ("drop_azure = false", 'drop_azure = "yes"', "allowed: true or false"),
        ("drop_azure = false", "drop_azure = 1", "allowed: true or false"),
        ("exclude = true", "exclude = 1", "allowed: true or false"),
        ("halo = 41", "halo = -5", "allowed: a whole number from 1 on"),
        ("halo = 7", "halo = 0", "allowed: a whole number from 1 on"),
        (
            'usual_range = "0.5"',
            'usual_range = "half"',
            'in quotes, not below zero, e.g. "2500.00"',
        ),
        ('approval_limit = "9"', 'approval_limit = "abc"', "a number in quotes, not below zero"),
        ('approval_limit = "9"', 'approval_limit = "-1"', "a number in quotes, not below zero"),
    ],
)
def test_a_value_that_would_be_without_effect_or_mean_something_else_is_refused(
    path: Path, right: str, wrong: str, said: str
) -> None:
    text = WHOLE.replace(right, wrong)
    told = refused(path, text)
    assert f"settings.toml, line {line_of(text, wrong)}: " in told
    assert said in told


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("exclude = true\nhalo = 41", "has both `halo` and `exclude`"),
        ("", "has neither `halo` nor `exclude`"),
    ],
)
def test_a_company_is_billed_or_excluded(path: Path, row: str, said: str) -> None:
    text = WHOLE.replace("exclude = true", row)
    told = refused(path, text)
    heading = line_of(text, 'company = "ourselves"') - 1
    assert f"settings.toml, line {heading}: `client` can not be: company ourselves {said}" in told


def test_a_company_that_is_mapped_twice_names_the_second_row(path: Path) -> None:
    text = WHOLE.replace('company = "ourselves"', 'company = "acme"')
    heading = line_of(text, "exclude = true") - 2
    assert f"line {heading}: company acme of pax8 is mapped twice" in refused(path, text)


def test_r7_manual_and_automatic_together_name_the_line(path: Path) -> None:
    text = WHOLE.replace('lifecycle = "create"', 'lifecycle = "manual"')
    text = text.replace('approval_limit = "9"', "automatic = true")
    said = refused(path, text)
    assert f"line {line_of(text, 'automatic = true')}: lifecycle `manual` waits" in said


def test_a_table_that_is_none_is_refused(path: Path) -> None:
    assert "allowed: a table" in refused(path, "pax8 = 3\n")


def test_a_file_that_is_not_there_or_not_text(path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        read_settings(path)
    path.write_bytes(b'[tenant]\nname = "\xff"\n')
    with pytest.raises(PermanentError, match="is not TOML"):
        read_settings(path)


def test_an_import_replaces_what_the_last_one_brought(path: Path) -> None:
    first = read(path, WHOLE).settings
    second = merged(
        first, read(path, WHOLE.replace('company = "acme"', 'company = "bolt"')).settings
    )
    assert [row.company for row in second.client] == ["bolt", "ourselves"]


def test_an_import_keeps_what_commands_decided_about_others(path: Path) -> None:
    decided = Settings(
        client=(
            ClientMapping(company="acme", halo=99, evidence="a person"),
            ClientMapping(company="cedar", halo=43, evidence="a person"),
            ClientMapping(company="dune", halo=44, evidence="exact name"),
        ),
        product=(ProductMapping(product="pax8:p:monthly", halo=5, evidence="a person"),),
        chains={"chain": "separate"},
    )
    after = merged(decided, read(path, WHOLE).settings)
    by_company = {row.company: row.halo for row in after.client}
    assert by_company == {"acme": 41, "cedar": 43, "dune": 44, "ourselves": None}
    assert {row.product for row in after.product} == {"pax8:p:monthly", "seat"}
    assert after.chains == {"chain": "separate"}


def test_the_same_file_again_makes_no_new_version(path: Path) -> None:
    once = merged(Settings(), read(path, WHOLE).settings)
    assert merged(once, read(path, WHOLE).settings).version == once.version
