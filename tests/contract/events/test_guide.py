"""The guide shows every event as the schemas' example has it, and names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.events import CONTENT_TYPE, EVENTS, TOPIC, BillingEvent, type_of
from schemas.export_events import shown

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
SECTIONS = {
    name: re.findall(r"```json\n(.*?)```", rest, re.DOTALL)
    for name, rest in re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", GUIDE, re.M | re.DOTALL)
}


def test_every_type_has_a_section() -> None:
    assert set(SECTIONS) == {type_of(event) for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=type_of)
def test_the_example_shown_is_the_published_one(event: type[BillingEvent]) -> None:
    kind = type_of(event)
    assert SECTIONS[kind] == [shown(kind).decode()], f"put `schemas/examples/events/{kind}` there"


def test_what_the_guide_names_is_there() -> None:
    assert TOPIC in GUIDE
    assert CONTENT_TYPE in GUIDE
    for path in re.findall(r"`((?:schemas|docs)/[\w/.-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
    short = {type_of(event).removeprefix("chargeline.").removesuffix(".v1") for event in EVENTS}
    named = set(re.findall(r"`((?:charges|document|posting|run)\.\w+)`", GUIDE))
    assert named <= short


def test_every_code_in_an_example_has_its_page() -> None:
    codes = set(re.findall(r'"code": "([\w-]+)"', GUIDE))
    assert codes
    for code in codes:
        assert (ROOT / "docs" / "runbook" / f"{code}.md").exists(), code
