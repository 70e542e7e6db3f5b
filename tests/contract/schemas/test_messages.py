"""The messages as a contract: exported, exampled, small, exact, and still parsed once published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas import export, frame
from schemas.bodies import BODIES
from schemas.examples import EXAMPLES
from schemas.messages import COMMANDS, FACTS, ChargesHeld, Head

KINDS = {message.__name__: message for message in COMMANDS + FACTS}
PUBLISHED = sorted((export.FOLDER / "examples").glob("*.jsonl"))


def test_exported_schemas_are_what_is_committed() -> None:
    assert export.drift() == [], export.REMEDY


def test_drift_names_the_file_that_differs_the_one_missing_and_the_one_left_over(
    tmp_path: Path,
) -> None:
    export.write(tmp_path)
    assert export.drift(tmp_path) == []
    (tmp_path / "json" / "PlanRun.json").write_text("{}")
    (tmp_path / "json" / "ApplyRun.json").unlink()
    (tmp_path / "json" / "Gone.json").write_text("{}")
    assert export.drift(tmp_path) == [
        "schemas/json/Gone.json is of no message any more",
        "schemas/json/ApplyRun.json is missing",
        "schemas/json/PlanRun.json differs from the code",
    ]


def test_every_message_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)
    assert {path.name.split(".")[0] for path in PUBLISHED} == set(KINDS)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.name)
def test_every_shape_ever_published_still_parses(path: Path) -> None:
    message = KINDS[path.name.split(".")[0]]
    line, body = frame.decode(path.read_bytes())
    head = message.model_validate_json(line)
    assert head.kind == message.__name__
    adapters = BODIES.get(message, ())
    assert bool(body) == bool(adapters)
    for adapter, section in zip(adapters, frame.split(body, len(adapters) or 1), strict=False):
        value = adapter.validate_json(section)
        assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_head_is_small_and_comes_back_as_it_went(name: str) -> None:
    line, _ = frame.decode(EXAMPLES[name])
    assert len(line) <= frame.HEAD_LIMIT_BYTES
    assert KINDS[name].model_validate_json(line).model_dump_json().encode() == line


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_an_older_reader_does_not_know_breaks_nothing(name: str) -> None:
    line, _ = frame.decode(EXAMPLES[name])
    grown = json.dumps({**json.loads(line), "added_later": {"a": [1]}})
    head: Head = KINDS[name].model_validate_json(grown)
    assert head == KINDS[name].model_validate_json(line)


def test_a_float_is_no_amount() -> None:
    line, _ = frame.decode(EXAMPLES["ChargesHeld"])
    held = json.loads(line)
    assert held["held_price"] == "37.50"
    with pytest.raises(ValidationError, match="a float is not an amount"):
        ChargesHeld.model_validate_json(json.dumps({**held, "held_price": 37.5}))


def test_an_amount_keeps_every_decimal_it_came_with() -> None:
    line, _ = frame.decode(EXAMPLES["ChargesHeld"])
    text = "0.1234567890123456789012345678"
    grown = ChargesHeld.model_validate_json(json.dumps({**json.loads(line), "held_cost": text}))
    assert json.loads(grown.model_dump_json())["held_cost"] == text
