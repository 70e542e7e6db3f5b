"""Bad input as the command line answers it: an exit code, and one sentence on stderr or in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from support import small
from support.command_line import CommandLine, command_line
from support.small import ACME, DOCUMENT


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("bad-input")) as line:
        line.load("pax8", small.pax8())
        line.load("halopsa", small.halopsa())
        yield line


@pytest.fixture
def fresh(line: CommandLine, tmp_path: Path) -> CommandLine:
    """The same sandboxes for a new data folder."""
    found = CommandLine(tmp_path, line.url)
    found.settings(small.settings())
    return found


def unboxed(said: str) -> str:
    """What is wrong with an option stands in a box, and a box breaks its lines."""
    return " ".join(said.replace("│", " ").split())


@pytest.mark.parametrize("vendor", ["pax8", "halopsa"])
def test_wrong_credentials_are_refused_before_anything_is_done(
    fresh: CommandLine, vendor: str
) -> None:
    settings = small.settings()
    account = settings.get(vendor, {}) | {"client_id": "bad", "client_secret": "secret"}
    fresh.settings(settings | {vendor: account})
    ended = fresh.bill()
    assert ended.code == 4
    assert "Check the" in ended.said
    assert f"[{vendor}-login]" in ended.said


def test_a_typo_in_the_settings_names_its_line_and_the_nearest_key(fresh: CommandLine) -> None:
    fresh.settings(small.settings(policy={"drop_azur": True}))
    ended = fresh.bill()
    assert ended.code == 4
    text = (fresh.folder / "settings.toml").read_text().splitlines()
    number = text.index("drop_azur = true") + 1
    assert f"settings.toml, line {number}" in ended.said
    assert "did you mean `drop_azure`?" in ended.said


def test_a_company_mapped_twice_is_refused(fresh: CommandLine) -> None:
    rows = [{"source": "pax8", "company": ACME, "halo": number} for number in (41, 42)]
    fresh.settings(small.settings(client=rows))
    ended = fresh.bill()
    assert ended.code == 4
    assert f"company {ACME} of pax8 is mapped twice" in ended.said


def test_a_source_that_there_is_not_is_refused(fresh: CommandLine) -> None:
    rows = [{"source": "pax9", "company": ACME, "exclude": True}]
    fresh.settings(small.settings(client=rows))
    ended = fresh.bill()
    assert ended.code == 4
    assert "there is no source `pax9`: did you mean `pax8`?" in ended.said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("client", ACME, "--halo", "-5"), "greater than or equal to 1"),
        (("client", ACME, "--halo", "41", "--source", "pax9"), "'pax9'"),
        (("exclude", ACME, "--source", "pax9"), "'pax9'"),
        (("product", "nokey", "--halo", "1"), "'nokey' is no product key"),
        (("product", "pax8::monthly", "--halo", "1"), "'pax8::monthly' is no product key"),
        (("product", "huntress:edr:monthly", "--halo", "1"), "is no product key of pax8"),
        (("product", "pax8:p:monthly", "--halo", "0"), "greater than or equal to 1"),
    ],
)
def test_a_mapping_of_what_there_can_not_be_is_refused(
    fresh: CommandLine, words: tuple[str, ...], named: str
) -> None:
    ended = fresh.type("mappings", *words, "--data", str(fresh.data))
    assert ended.code == 4
    assert named in unboxed(ended.said)
    assert "decided" not in ended.said
    assert not fresh.data.exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("ingest", "--period", "garbage"), "'garbage' is no month"),
        (("ingest", "--period", "2026-13"), "'2026-13' is no month"),
        (("run", "--sandbox", "--sandbox-url", "http://x", "--yes"), "name one of them"),
        (("up", "--sandbox", "--sandbox-url", "http://x"), "name one of them"),
        (("run", "--sandbox", "--clients", "1", "--yes"), "greater than or equal to 10"),
        (("counts", "sync", "--sandbox", "--clients", "3"), "greater than or equal to 10"),
        (("run", "--sandbox", "--lines", "-5", "--yes"), "greater than or equal to 1"),
    ],
)
def test_an_option_that_can_not_be_is_refused(
    fresh: CommandLine, words: tuple[str, ...], named: str
) -> None:
    ended = fresh.type(*words, "--data", str(fresh.data))
    assert ended.code == 4
    assert named in unboxed(ended.said)
    assert not fresh.data.exists()


@pytest.mark.parametrize("command", ["run", "ingest"])
def test_a_document_that_the_source_does_not_list_is_refused(
    fresh: CommandLine, command: str
) -> None:
    where = ["--sandbox-url", fresh.url, "--settings", str(fresh.folder / "settings.toml")]
    ended = fresh.run(command, *where, "--document", "nosuch", *["--yes"][: command == "run"])
    assert ended.code == 4
    said = "chargeline: the source lists no document nosuch [document-unknown]"
    assert ended.said.splitlines()[-1] == said


@pytest.mark.parametrize("command", [("run", "--sandbox", "--yes"), ("sandbox", "serve")])
def test_a_folder_that_can_be_none_is_refused(fresh: CommandLine, command: tuple[str, ...]) -> None:
    ended = fresh.type(*command, "--data", "/dev/null/x")
    assert ended.code == 4
    assert "/dev/null/x can be no data folder (Not a directory)" in ended.said
    assert "Traceback" not in ended.said


def test_a_sandbox_on_a_used_port_is_refused(fresh: CommandLine) -> None:
    used = fresh.url.rpartition(":")[2]
    ended = fresh.type("sandbox", "serve", "--port", used)
    assert ended.code == 4
    assert ended.said.startswith(f"chargeline: nothing can be served on 127.0.0.1:{used} (")
    assert ended.said.endswith("name another port with --port [port-taken]\n")


def test_r7_a_file_of_manual_and_an_automatic_run_are_refused_together(fresh: CommandLine) -> None:
    fresh.settings(small.settings(policy={"lifecycle": "manual"}))
    ended = fresh.bill("--automatic")
    assert ended.code == 4
    assert "[manual-and-automatic]" in ended.said


def test_a_client_that_is_gone_is_held_with_the_command_that_helps(fresh: CommandLine) -> None:
    rows = [{"source": "pax8", "company": ACME, "halo": 99}]
    fresh.settings(small.settings(client=rows))
    ended = fresh.bill()
    assert ended.code == 2
    [hold] = [hold for hold in ended.told["holds"] if hold["code"] == "client-gone"]
    assert "client 99 is not in HaloPSA any more" in hold["text"]
    assert hold["command"].startswith(f"chargeline mappings client {ACME} --halo")
    price = ended.told["statement"]["currencies"]["USD"]["price"]
    assert [Decimal(price[name]) for name in ("received", "held", "unexplained")] == [40, 20, 0]
    told = fresh.run("explain", "--all", "--document", DOCUMENT).told["documents"][0]
    assert told["outcomes"] == {"held": 1, "posted": 1}


def test_an_unknown_line_is_no_answer(fresh: CommandLine) -> None:
    fresh.bill()
    ended = fresh.run("explain", "line_0")
    assert ended.code == 4
    assert "no document read so far has the line line_0" in ended.said
