"""What the README shows works: its settings file, its make targets, its links and its layout."""

from __future__ import annotations

import re
from pathlib import Path

from chargeline.settings_file import read_settings

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_settings_file_shown_is_one(tmp_path: Path) -> None:
    shown = README.split("## Settings file")[1].split("An unknown key")[0]
    file = tmp_path / "settings.toml"
    file.write_text("\n".join(line[4:] for line in shown.splitlines()))
    read = read_settings(file)
    assert set(read.credentials) == {"halopsa", "huntress", "pax8"}
    assert read.settings.schedule["huntress"].day == 31
    assert read.settings.counts.of("edr", None).minimum == 5
    assert read.settings.policy_for("pax8", read.settings.client[0]).drop_zero is True


def test_every_make_target_named_is_there_and_explained() -> None:
    named = set(re.findall(r"make ([a-z]+)", README))
    explained = set(re.findall(r"^([a-z]+):.*## \w", MAKEFILE, re.M))
    assert named
    assert named <= explained
    assert explained == set(re.findall(r"[a-z]+", MAKEFILE.split(".PHONY:")[1].split("\n")[0]))


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page}: {link}"


def test_every_file_the_tour_passes_is_there() -> None:
    tour = (ROOT / "docs" / "tour.md").read_text()
    named = [path for path in re.findall(r"`([a-z_/-]+/[a-z_/.-]+)`", tour) if "/src/" in path]
    assert len(named) >= 4
    for path in named:
        assert (ROOT / path).exists(), path
