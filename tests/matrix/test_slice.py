"""A slice of `make matrix`, and that the table would notice a line that ends another way."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from matrix import cells, check, levels, table
from matrix.cells import Cell
from months import check as books

EVERYTHING = frozenset(table.MODIFIERS)
SLICE = [
    Cell("new", "create", frozenset(), "both"),
    Cell("latest", "default", EVERYTHING, "charge"),
    Cell("recurring", "manual", frozenset({"collapse_azure", "drop_zero"}), "both"),
    Cell("new", "off", frozenset({"collapse_azure"}), "both", "all_arrears"),
]


@pytest.mark.parametrize("cell", SLICE, ids=str)
def test_a_cell_ends_as_the_sheets_say(cell: Cell) -> None:
    outcome = cells.run(cell)
    assert outcome.differences == []
    assert outcome.lines >= cells.LINES


def test_every_variety_of_the_sheet_is_in_the_month() -> None:
    planted = set(cells.month().varieties.values())
    assert planted >= {*table.SHEET, table.SETTLED, table.BILLED_BY_PAX8, table.HOMELESS}


@pytest.mark.parametrize("variety", ["1", "4a", "6", "12", "13"])
def test_a_line_that_ends_another_way_is_a_difference(
    variety: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = "drop" if variety == "1" else "keep"
    monkeypatch.setitem(table.SHEET, variety, (turned,) * 4)
    assert cells.run(Cell("new", "default", EVERYTHING, "charge")).differences


@pytest.mark.parametrize("modifier", table.MODIFIERS)
def test_r6_a_lower_off_beats_an_upper_on(modifier: str) -> None:
    batches = levels.received()
    some = [c for c in levels.every_level_cell() if c.modifier == modifier][::7]
    assert [text for cell in some for text in levels.run(cell, batches).differences] == []


def test_the_matrix_has_every_combination() -> None:
    every = [*cells.every_cell()]
    assert len(set(every)) == len(every)
    assert len([c for c in every if c.azure_scope == "azure_only"]) == 3 * 4 * 2 * 2**4
    assert len([*levels.every_level_cell()]) == 4 * 3**4


@pytest.mark.parametrize("judge", [table, check, books])
def test_what_judges_imports_no_service(judge: ModuleType) -> None:
    tree = ast.parse(Path(str(judge.__file__)).read_text(encoding="utf-8"))
    imported = {
        str(name).split(".", maxsplit=1)[0]
        for node in ast.walk(tree)
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert imported <= {*sys.stdlib_module_names, "matrix", "schemas"}
