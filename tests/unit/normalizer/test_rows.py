"""A decided line goes on as the text that came, whatever it says and however it is spelled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from normalizer.domain import rows
from schemas.charges import ChargeLines, DecidedLine, DecidedLines

from .lines import line

COMPACT, SPACED = (",", ":"), (", ", ": ")
TEXTS = ["Seat", 'say "},{" twice', "},{", "{", "É\n\\", "[{"]


def decided(body: bytes, **added: Any) -> list[DecidedLine]:
    held = rows.read(body)
    for number, row in enumerate(held.rows):
        row["total"], row["cost_total"] = row.get("total") or "0", row.get("cost_total") or "0"
        row.update({"outcome": "kept", "kind": "seat", "product_key": "p", "slot": f"s-{number}"})
        row.update(added)  # type: ignore[typeddict-item] # what a test is about
    return DecidedLines.validate_json(rows.write(held, held.rows))


@pytest.mark.parametrize("spelling", [COMPACT, SPACED])
@pytest.mark.parametrize("text", TEXTS)
def test_a_line_goes_on_as_it_came_and_says_what_was_decided(
    text: str, spelling: tuple[str, str]
) -> None:
    lines = [line(1, text=text), line(2), line(3, name=text)]
    given = json.loads(ChargeLines.dump_json(lines, exclude_defaults=True))
    found = decided(json.dumps(given, separators=spelling).encode())
    assert [one.slot for one in found] == ["s-0", "s-1", "s-2"]
    for one, came in zip(found, lines, strict=True):
        said = one.model_dump(exclude_defaults=True)
        assert {name: said[name] for name in ("id", "name", "text", "total")} == {
            name: getattr(came, name) for name in ("id", "name", "text", "total")
        }
        assert (one.outcome, one.kind, one.product_key) == ("kept", "seat", "p")


def test_braces_that_are_no_rows_move_no_line() -> None:
    """Two pieces for two rows, and yet cut in the wrong place, if only the pieces were counted."""
    (first, second) = json.loads(ChargeLines.dump_json([line(1), line(2)], exclude_defaults=True))
    odd = json.dumps(first | {"more": [{"a": 1}, {"b": 2}]}, separators=COMPACT)
    found = decided(f"[{odd}, {json.dumps(second)}]".encode())
    assert [(one.id, one.slot) for one in found] == [("line_1", "s-0"), ("line_2", "s-1")]


def test_an_amount_that_nobody_named_is_nothing() -> None:
    (given,) = json.loads(ChargeLines.dump_json([line(1)], exclude_defaults=True))
    for name in ("total", "cost_total"):
        without = json.dumps([{k: v for k, v in given.items() if k != name}], separators=COMPACT)
        (found,) = decided(without.encode())
        assert getattr(found, name) == 0


def test_what_else_was_decided_is_said_as_well() -> None:
    body = ChargeLines.dump_json([line(1)], exclude_defaults=True)
    (found,) = decided(body, warnings=["given-away"])
    assert found.warnings == ("given-away",)
    (found,) = decided(body, outcome="dropped", rule="drop-zero", level="global")
    assert (found.outcome, found.rule, found.level) == ("dropped", "drop-zero", "global")


def test_a_merged_line_comes_last() -> None:
    body = ChargeLines.dump_json([line(1)], exclude_defaults=True)
    received = rows.read(body)
    held = received.rows
    held[0] |= {"outcome": "collapsed", "rule": "collapse-azure", "into": "line_m"}
    merged: Any = held[0] | {"id": "line_m", "outcome": "kept", "members": 1, "kind": "usage"}
    found = DecidedLines.validate_json(rows.write(received, [*held, merged]))
    assert [(one.id, one.into, one.members) for one in found] == [
        ("line_1", "line_m", None),
        ("line_m", "line_m", 1),
    ]
