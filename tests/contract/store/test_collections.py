"""The declared collections are those that the code works with, so that each has its indexes."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.servers.indexes import BY_KEY, COLLECTIONS, SILENT
from chassis.vault import Vault

ROOT = Path(__file__).parents[3]
SERVICES = [p for p in (ROOT / "services").glob("*/src/*") if p.is_dir() and p.name != "sandbox"]
# Whoever is called with a collection takes it in the second place.
CALLS = {"Record", "Table", "put", "insert", "get", "find", "count", "delete", "sweep"}


def named_in(path: Path, source: Path) -> Iterator[str]:
    """Collections by their constants or literals; a variable's come from whoever calls."""
    module = ".".join(path.relative_to(source.parent).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in CALLS:
            continue
        place = node.args[0] if name == "sweep" else node.args[1]
        if isinstance(place, ast.Name) and place.id.isupper():
            value = getattr(importlib.import_module(module), place.id)
            if isinstance(value, str):
                yield value
        elif isinstance(place, ast.Constant) and name in ("Record", "Table"):
            yield str(place.value)


USED = {Vault.collection: Path("services/_chassis/src/chassis/vault.py")} | {
    collection: path.relative_to(ROOT)
    for source in SERVICES
    for path in sorted(source.rglob("*.py"))
    for collection in named_in(path, source)
}


def test_the_code_names_its_collections() -> None:
    assert {"runs", "jobs", "bodies", "batches-to-post", "charges"} <= set(USED)


@pytest.mark.parametrize("collection", sorted(USED))
def test_a_collection_that_is_used_is_declared(collection: str) -> None:
    declare = f"{USED[collection]} works with {collection}: declare it in chassis.servers.indexes"
    assert collection in COLLECTIONS, declare


def test_what_has_fewer_indexes_is_declared() -> None:
    assert set(COLLECTIONS) >= BY_KEY | SILENT


def test_what_is_declared_is_used() -> None:
    assert set(COLLECTIONS) - set(USED) == set()
