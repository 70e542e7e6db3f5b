"""Counts and schedules as a person meets them: bars, exit codes, the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chargeline import shown
from chargeline.counting import exit_code
from chargeline.counts_shown import received, sparkline
from chargeline.settings_file import merged, read_settings
from chassis.errors import PermanentError
from gateway.domain.syncs import Sync
from schemas.count_settings import Schedule
from schemas.counts import CountOutcome, CountRow, CountsReceived, Shortfall
from schemas.settings import Settings

WHOLE = """
[huntress]
url = "https://api.huntress.io"
client_id = "public"
client_secret = "secret"
own_organizations = ["700001"]

[counts]
mode = "quick"
jump_share = "0.25"

[[counts.rule]]
product = "edr"
recurring = true
free = 5
minimum = 10
pro_rata = 1

[[counts.rule]]
product = "sat"
bill = "charge"
price = "2.50"

[schedule.huntress]
enabled = true
every = "month"
day = 31
at = "04:30"

[[client]]
source = "huntress"
company = "700002"
halo = 41

[[product]]
source = "huntress"
product = "edr"
halo = 7
"""


def told(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_a_file_says_all_about_counts(tmp_path: Path) -> None:
    file = told(tmp_path, WHOLE)
    settings = file.settings
    public, secret = file.credentials["huntress"]
    assert (public, secret.get_secret_value()) == ("public", "secret")
    assert settings.huntress.own_organizations == ("700001",)
    assert settings.counts.of("edr", 41).minimum == 10
    assert settings.counts.of("sat", None).bill == "charge"
    assert settings.schedule["huntress"] == Schedule(
        enabled=True, every="month", day=31, at="04:30"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[schedule.huntress]\nevery = "month"\n', "a monthly schedule needs its day"),
        ("[schedule.huntress]\nenbled = true\n", "line 2: there is no `enbled` in [schedule.hunt"),
        ("[schedule.xero]\nenabled = true\n", "`schedule.xero"),
        ('[schedule.pax8]\nat = "25:00"\n', "`schedule.pax8.at` is"),
        ('[counts]\nmod = "quick"\n', "line 2: there is no `mod` in [counts]: did you mean `mode`"),
        ('[[counts.rule]]\nproduct = "edr"\nfre = 1\n', "there is no `fre` in [counts.rule]"),
        ('[[counts.rule]]\nproduct = "edr"\nbill = "charge"\n', "set its price"),
        ("[huntress]\nsecret = 1\n", "did you mean `client_secret`"),
        ('[tenant]\ntimezone = "Berlin"\n', "Berlin is no time zone"),
    ],
)
def test_a_typo_names_its_line_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PermanentError) as refused:
        told(tmp_path, text)
    assert refused.value.code == "settings-file"
    assert says in refused.value.text


def test_a_schedule_that_was_set_by_command_outlives_a_file_that_names_none(
    tmp_path: Path,
) -> None:
    before = Settings(schedule={"pax8": Schedule(enabled=True)})
    assert merged(before, told(tmp_path, "[tenant]\n").settings).schedule == before.schedule
    assert set(merged(before, told(tmp_path, WHOLE).settings).schedule) == {"huntress"}


@pytest.mark.parametrize(
    ("counts", "bars"),
    [([0, 5, 10], "▁▅█"), ([3, 3], "██"), ([0, 0], "▁▁"), ([], ""), ([1, 1000], "▁█")],
)
def test_a_bar_a_day(counts: list[int], bars: str) -> None:
    assert sparkline(counts) == bars


def ended(problem: str | None = None) -> Sync:
    of: dict[str, Any] = {"tenant": "t", "run": "r", "revision": 1, "settings": "s"}
    fact = CountsReceived(**of, connection="c", day="2026-11-05", problem=problem)
    return Sync(run="r", revision=1, source="huntress", day="2026-11-05", received=fact)


def row(outcome: CountOutcome) -> CountRow:
    return CountRow(organization="1", product="edr", count=1, outcome=outcome)


@pytest.mark.parametrize(
    ("problem", "outcomes", "parked", "code"),
    [
        (None, ["created", "unchanged", "excluded", "charged"], 0, 0),
        (None, ["created", "held"], 0, 2),
        (None, ["refused"], 0, 2),
        (None, ["unchanged"], 1, 2),
        (None, [], 0, 3),
        ("huntress-login", [], 0, 4),
        ("huntress-answer", [], 0, 1),
    ],
)
def test_the_exit_code_says_whether_a_person_is_needed(
    problem: str | None, outcomes: list[CountOutcome], parked: int, code: int
) -> None:
    assert exit_code(ended(problem), [row(one) for one in outcomes], parked) == code


def test_19_what_huntress_bills_and_nobody_used_is_shown_beside_the_counts() -> None:
    short = Shortfall(
        account="5501",
        account_name="Northlight",
        product="edr",
        billed=400,
        used=300,
        minimum=400,
        start="2026-10-14",
        end="2026-11-14",
    )
    head = CountsReceived(
        tenant="t",
        run="r",
        settings="s",
        connection="c",
        day="2026-11-15",
        revision=1,
        organizations=7,
        organizations_before=9,
        shortfalls=(short,),
        shortfalls_found=3,
    )
    with shown.out.capture() as printed:
        received(head)
    text = printed.get()
    assert "2 organizations fewer than before: 7" in text
    assert "Northlight  edr  100  400 billed, 300 used, minimum 400" in text
    assert "2026-10-14 to 2026-11-14" in text
    assert "and 2 more" in text
    unknown = head.model_copy(update={"shortfalls": (), "shortfalls_unknown": "huntress-missing"})
    with shown.out.capture() as printed:
        received(unknown)
    assert "Minimum not known: huntress-missing" in printed.get()
    with shown.out.capture() as printed:
        received(None)
    assert printed.get() == ""
