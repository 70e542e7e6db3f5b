"""One scenario twice: over a data folder, and over a gateway's address. They say the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import httpx
import pytest

from chargeline import cli
from chassis.embedded.sqlite import FILE
from sandbox.generate import generate_huntress, generate_month
from support.command_line import TODAY, CommandLine, command_line
from support.stores import on_servers

ADDRESS = re.compile(r"up at (http://\S+)/v1")
SCOPES = ["read", "configure", "run", "approve", "administer"]
CLIENTS, LINES, SEED = 10, 40, 7
_CALLS = re.compile(r'  vendor calls: .*|,?\s*"calls": \{[^}]*\}')
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[0-9:.+Z-]*|\"elapsed_s\": [0-9.]+")
_ADDRESSES = re.compile(r" --(sandbox-url|today) \S+")
_IDS = re.compile(r"\b[a-z]+_[0-9a-f]{32}\b|\b[0-9a-f]{24,64}\b")
EMBEDDED, REMOTE = "embedded", "remote"

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Side:
    """Commands as they are typed, in one environment."""

    line: CommandLine
    environment: dict[str, str]
    options: tuple[str, ...]  # of commands that call vendors
    runs: list[str] = field(default_factory=list)

    def typed(self, *words: str) -> Ended:
        """In this process: a new one each would be most of the test's time."""
        out, err = StringIO(), StringIO()
        with _environment(self.environment), redirect_stdout(out), redirect_stderr(err):
            sys.argv = ["chargeline", *words]
            with pytest.raises(SystemExit) as end:
                cli.run()
        self.runs += re.findall(r"run_[0-9a-f]+", out.getvalue())
        code = end.value.code
        assert isinstance(code, int), "every command says how it ended"
        return Ended(code, out.getvalue(), err.getvalue())


@contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    """Without what the tests' own environment says of Chargeline."""
    before, argv = dict(os.environ), sys.argv
    for name in before:
        if name.startswith("CHARGELINE_"):
            del os.environ[name]
    os.environ.update(given, NO_COLOR="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.argv = argv


def alike(text: str) -> str:
    """Without what may differ: ids (by their order), times, calls, and where the sandboxes are."""
    for pattern in (_CALLS, _TIMES, _ADDRESSES):
        text = pattern.sub("", text)
    known: dict[str, str] = {}
    return _IDS.sub(lambda m: known.setdefault(m[0], f"id-{len(known) + 1}"), text)


def loaded(line: CommandLine) -> None:
    """A month at Pax8, counts at Huntress, both for the same clients in HaloPSA."""
    month = generate_month(SEED, clients=CLIENTS, lines=LINES)
    account = generate_huntress(SEED, clients=CLIENTS)
    line.load("pax8", month.pax8)
    line.load("halopsa", month.halopsa)
    line.load("huntress", account.huntress)
    line.load("halopsa", account.halopsa)
    settings = account.added_to(month.settings)
    for vendor in ("pax8", "halopsa", "huntress"):
        settings[vendor] |= {"client_id": "sandbox", "client_secret": "sandbox"}
    line.settings(settings)


@contextmanager
def gateway(line: CommandLine) -> Iterator[dict[str, str]]:
    """`chargeline up`, a tenant made over REST, and the environment that names both.

    On servers it stands over them, and the other side over its data folder as ever.
    """
    data = line.folder / "gateway"
    command = [sys.executable, "-m", "chargeline", "up", "--port", "0", "--data", str(data)]
    with subprocess.Popen(
        [*command, "--sandbox-url", line.url, "--today", TODAY], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            found = None
            while found is None:
                said = process.stderr.readline()
                assert said, "it ended before it was up"
                found = ADDRESS.search(said)
            process.stderr.readline()
            root = found[1]
            operator = {"Authorization": f"Bearer {(data / 'operator-key').read_text().strip()}"}
            tenant = {"tenant": "main", "name": "Main", "terms_accepted": "1"}
            httpx.post(f"{root}/v1/tenants", json=tenant, headers=operator).raise_for_status()
            asked = {"name": "cli", "scopes": SCOPES}
            first = f"{root}/v1/tenants/main/keys/first"
            made = httpx.post(first, json=asked, headers=operator).raise_for_status()
            assert (data / FILE).exists() is not on_servers(), "it stands where it was asked to"
            yield {"CHARGELINE_URL": root, "CHARGELINE_API_KEY": made.json()["token"]}
            process.terminate()
            assert process.wait(30) == 0, "what is asked to stop ends well"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Side]]:
    with ExitStack() as stack:
        here = stack.enter_context(command_line(tmp_path_factory.mktemp("here")))
        there = stack.enter_context(command_line(tmp_path_factory.mktemp("there")))
        loaded(here)
        loaded(there)
        options = ("--sandbox-url", here.url, "--today", TODAY)
        yield {
            EMBEDDED: Side(here, {"CHARGELINE_DATA": str(here.data)}, options),
            REMOTE: Side(there, stack.enter_context(gateway(there)), ()),
        }


def both(sides: dict[str, Side], *words: str, calls: bool = False) -> tuple[int, str]:
    """The command on both sides; `RUN` stands for the last run, `SETTINGS` for the file."""
    ended = {}
    for name, side in sides.items():
        known = {"RUN": side.runs[-1] if side.runs else "", "SETTINGS": str(_settings(side))}
        given = [known.get(word, word) for word in words]
        ended[name] = side.typed(*given, *(side.options if calls else ()))
    here, there = ended[EMBEDDED], ended[REMOTE]
    assert there.code == here.code, f"{words}: {here.stderr}\n{there.stderr}"
    assert alike(there.stdout) == alike(here.stdout), words
    return here.code, here.stdout


def _settings(side: Side) -> Path:
    return side.line.folder / "settings.toml"


def test_a_month_its_plan_and_its_way_back(sides: dict[str, Side]) -> None:
    code, told = both(sides, "run", "--settings", "SETTINGS", "--yes", "--json", calls=True)
    assert (code, '"received": 40' in told) == (2, True)
    assert both(sides, "run", "--yes", calls=True)[0] == 2
    assert both(sides, "statement")[0] == 2
    assert both(sides, "statement", "RUN", "--json")[0] == 2
    assert "ended" in both(sides, "runs")[1]
    both(sides, "mappings", "list")
    assert both(sides, "mappings", "exclude", "a-company")[0] == 0
    assert "a-company" in both(sides, "mappings", "list")[1]
    assert both(sides, "plan", "RUN", "--diff", calls=True)[0] == 2
    assert both(sides, "undo", "RUN", "--yes", "--json", calls=True)[0] == 0
    chosen = both(sides, "plan", "RUN", "--type", "usage", "--json", calls=True)[1]
    assert '"not-selected"' in chosen
    assert both(sides, "plan", "RUN", calls=True)[0] == 2
    assert both(sides, "apply", "RUN", "--canary", "2", "--yes", "--json", calls=True)[0] == 2
    [line] = set(re.findall(r"line_[0-9a-f]{32}", _explained(sides[EMBEDDED])))
    assert "rules, in their order" in both(sides, "explain", line)[1]
    both(sides, "explain", line, "--json")
    assert both(sides, "ingest", "--json", calls=True)[0] == 2
    assert both(sides, "ingest", "--drafts", "--json", calls=True)[0] == 0


def _explained(side: Side) -> str:
    """The first line of what only the data folder's side tells whole."""
    return side.typed("explain", "--all").stdout.partition("\n")[0]


def test_counts_and_their_schedule(sides: dict[str, Side]) -> None:
    code, told = both(sides, "counts", "sync", "--settings", "SETTINGS", "--json", calls=True)
    assert (code, '"organization"' in told) == (2, True)
    both(sides, "counts", "show")
    both(sides, "counts", "show", "--json")
    both(sides, "counts", "link", "--json", calls=True)
    words = ("schedules", "set", "huntress", "--on", "--every", "day", "--at", "03:00")
    assert both(sides, *words)[0] == 0
    assert "on  every day at 03:00" in both(sides, "schedules", "show")[1]
    both(sides, "schedules", "show", "--json")


def test_what_waits_and_the_doctor(sides: dict[str, Side]) -> None:
    assert both(sides, "jobs", "--json")[0] == 0
    assert both(sides, "parked", "list", "--json")[0] == 0
    ended = {
        name: side.typed("doctor", "--json", "--settings", str(_settings(side)), *side.options[:2])
        for name, side in sides.items()
    }
    assert ended[REMOTE] == ended[EMBEDDED]
    assert "halopsa: sign-in" in ended[REMOTE].stdout
    assert "huntress: sign-in" in ended[REMOTE].stdout, "it tries whatever has credentials"


def test_the_lists_to_pick_the_defaults_from(sides: dict[str, Side]) -> None:
    told = _listed(sides)
    assert "income  from accounts codes" in told
    assert re.search(r"^  310 +310 Cost of Goods Sold$", told, re.MULTILINE)
    assert "any other code may be typed: income under [defaults]" in told
    for side in sides.values():
        side.line.fault("halopsa", kind="forbidden", path="/Lookup", times=1)
    told = _listed(sides, "--kind", "expense")
    assert re.search(r"^  tried accounts codes: .*missing right", told, re.MULTILINE)
    assert "  tried Xero through HaloPSA: " in told
    assert "income" not in told
    assert '"typed": true' in _listed(sides, "--json")


def _listed(sides: dict[str, Side], *words: str) -> str:
    """What both sides say."""
    ended = []
    for side in sides.values():
        given = ("connections", "lists", "--settings", str(_settings(side)), *words)
        ended.append(side.typed(*given, *side.options[:2]))
    assert _whoever_came_first(ended[0]) == _whoever_came_first(ended[1])
    assert ended[0].code == 0
    return ended[0].stdout


def _whoever_came_first(ended: Ended) -> tuple[int, list[str], str]:
    """Items are made side by side: which of them gets which of HaloPSA's numbers is open."""
    lines = re.sub(r"\b20\d\d\b", "made", ended.stdout).splitlines()
    return ended.code, sorted(lines), ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("statement", "run_no"),
        ("plan", "run_no"),
        ("apply", "run_no", "--yes"),
        ("undo", "run_no", "--yes"),
        ("apply", "run_no"),
        ("jobs", "--retry", "no"),
        ("parked", "show", "no"),
        ("parked", "retry", "no"),
        ("parked", "discard", "no", "--reason", "old", "--by", "ann"),
        ("explain", "line_no"),
        ("counts", "accept", "1", "edr", "1"),
        ("schedules", "set", "pax8", "--every", "month"),
        ("schedules", "set", "xero", "--on"),
        ("connections", "lists", "--kind", "taxis"),
    ],
    ids=" ".join,
)
def test_refusals_are_the_same(sides: dict[str, Side], words: tuple[str, ...]) -> None:
    ended = {name: side.typed(*words) for name, side in sides.items()}
    assert ended[REMOTE].code == ended[EMBEDDED].code == 4
    assert ended[REMOTE].stderr == ended[EMBEDDED].stderr


def test_wrong_credentials_are_refused_at_the_door(sides: dict[str, Side]) -> None:
    for side in sides.values():
        text = _settings(side).read_text(encoding="utf-8")
        other = side.line.folder / "other.toml"
        other.write_text(text.replace('client_id = "sandbox"', 'client_id = "other"'))
        side.line.fault("halopsa", kind="unauthorized", path="/auth/token")
    ended = {
        name: side.typed(
            "run", "--yes", "--settings", str(side.line.folder / "other.toml"), *side.options
        )
        for name, side in sides.items()
    }
    assert ended[REMOTE].code == ended[EMBEDDED].code == 4
    assert ended[REMOTE].stdout == ended[EMBEDDED].stdout == ""
    assert "[halopsa-login]" in ended[REMOTE].stderr


@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        ({"CHARGELINE_API_KEY": ""}, ("runs",), "api-key-missing"),
        ({"CHARGELINE_API_KEY": "ck_no_no"}, ("runs",), "not-signed-in"),
        ({"CHARGELINE_URL": "http://gateway.example"}, ("runs",), "gateway-address"),
        ({"CHARGELINE_URL": "https://127.0.0.1:1"}, ("runs",), "gateway-unreachable"),
        ({}, ("runs", "--data", "somewhere"), "only-embedded"),
        ({}, ("run", "--sandbox", "--yes"), "only-embedded"),
        ({}, ("explain", "--all"), "only-embedded"),
    ],
    ids=str,
)
def test_what_a_gateway_is_not_asked_is_refused_and_says_why(
    sides: dict[str, Side], change: dict[str, str], words: tuple[str, ...], code: str
) -> None:
    side = sides[REMOTE]
    other = Side(side.line, side.environment | change, ())
    ended = other.typed(*words)
    assert ended.code == 4, ended.stderr
    assert f"[{code}]" in ended.stderr
    assert side.environment["CHARGELINE_API_KEY"] not in ended.stderr + ended.stdout


def test_the_address_may_stand_before_the_command(sides: dict[str, Side]) -> None:
    side = sides[REMOTE]
    environment = dict(side.environment)
    url = environment.pop("CHARGELINE_URL")
    ended = Side(side.line, environment, ()).typed("--url", f"{url}/v1", "mappings", "list")
    assert ended.code == 0, ended.stderr
