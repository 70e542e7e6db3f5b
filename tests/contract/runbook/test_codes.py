"""Every code that the source can show a person has its page, and a page says what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {page.stem: page for page in sorted((ROOT / "docs" / "runbook").glob("*.md"))}
SOURCES = [
    path
    for folder in ("services", "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "_sandbox" not in path.parts
]
FAILURES = {"PermanentError", "TransientError", "UnknownOutcome", "Refuse", "Look", "Wait", "_Held"}
NAMED = {"code", "problem", "hold", "missing"}  # arguments and fields that hold a code
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Codes of failures, holds and problems: literals, and constants of the same module."""
    constants = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        said = [k.value for k in node.keywords if k.arg in NAMED]
        if node.args and (name in FAILURES or name in ("hold", "warn", "Hold")):
            said.append(node.args[0])
        for given in said:
            value = constants.get(given.id, given) if isinstance(given, ast.Name) else given
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


USED = {
    code: path.relative_to(ROOT)
    for path in SOURCES
    for code in codes_in(ast.parse(path.read_text()))
    if CODE.fullmatch(code)
}


def test_codes_are_found_where_they_are_raised_and_where_they_hold() -> None:
    assert {"data-folder-in-use", "net-credit", "latest-not-open", "halopsa-login"} <= set(USED)
    assert len(USED) > 60


@pytest.mark.parametrize("code", sorted(USED))
def test_every_code_has_a_page(code: str) -> None:
    assert code in PAGES, f"{USED[code]} uses {code}: write docs/runbook/{code}.md"


@pytest.mark.parametrize("code", sorted(PAGES))
def test_a_page_names_its_code_and_says_what_it_means_and_what_to_do(code: str) -> None:
    title, _, text = PAGES[code].read_text().partition("\n")
    meaning, _, remedy = text.partition("**What to do.**")
    assert title == f"# {code}"
    assert "**What it means.**" in meaning
    assert len(remedy.strip()) > 5
