"""The image takes what it needs of the repository, runs as nobody, and every version is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def copied() -> set[str]:
    """What the build takes out of the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.M)
    return {source for line in lines for source in line.split()[:-1]}


def test_every_member_of_the_workspace_is_in_the_image() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    members = {member.removesuffix("/*") for member in workspace["members"]}
    assert members <= copied()
    assert {"pyproject.toml", "uv.lock", ".python-version"} <= copied()


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    assert IGNORED[0] == "*", "everything stays out that is not let in"
    let_in = {line[1:] for line in IGNORED if line.startswith("!")}
    assert copied() == let_in - {"deploy"}
    assert "deploy/*" in IGNORED, "secrets and caches of deploy/ stay out"
    assert {"**/*.key", "**/.env*", "**/*.sqlite*", "**/.chargeline"} <= set(IGNORED)


def test_who_runs_it_is_nobody() -> None:
    last = STAGES[-1]
    assert last.startswith("cli AS service"), "a build without a target makes a service"
    assert "USER" not in last
    users = re.findall(r"^USER (.+)$", STAGES[-2], flags=re.M)
    assert users == ["65532:65532"]


def test_bytecode_is_in_the_image_for_nothing_can_be_written_later() -> None:
    assert "UV_COMPILE_BYTECODE=1" in DOCKERFILE
    assert "PYTHONDONTWRITEBYTECODE=1" in STAGES[-2]


def test_the_process_gets_the_signal_itself() -> None:
    assert "exec /app/.venv/bin/python -m %s" in DOCKERFILE
    assert 'ENTRYPOINT ["/app/.venv/bin/start"]' in STAGES[-2]


def test_every_version_is_named() -> None:
    images = re.findall(r"^\s+image: (\S+:\S+)$", COMPOSE, flags=re.M)
    bases = [stage.split()[0] for stage in STAGES if ":" in stage.split()[0]]
    assert len(images) >= 6
    for image in [*images, *bases]:
        assert re.search(r":v?\d+\.\d+|:\$\{PYTHON\}$", image), image
    minor = (ROOT / ".python-version").read_text().strip()
    assert f"ARG PYTHON={minor}-slim" in DOCKERFILE


def test_no_secret_stands_in_a_file() -> None:
    said = re.findall(r"(?:PASSWORD|SECRET|_KEY)\w*: *(.+)", COMPOSE)
    assert said
    assert all("/run/secrets/" in value for value in said), said
    assert re.search(r"^secrets/$", (ROOT / "deploy" / ".gitignore").read_text(), flags=re.M)
