"""`python -m distributed.month`: a month over processes on real servers, and the same embedded.

The services are asked through the gateway's REST API, as a command line elsewhere asks them.

Prints one charge's way through all services, what the example consumer read, the statement and the
hash of its bytes on either side. Fails where one of them is not what it must be.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

import oracle
from distributed.cluster import SERVICES, Cluster
from sandbox.core import dumps, loads
from sandbox.generate import Month, generate_month
from servers import servers
from support.command_line import toml

CLIENTS, LINES, SEED = 40, 800, 7
TODAY = "2026-11-05"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "billing-events" / "consumer.py"
OPERATOR = f"ck_{'ab' * 8}_{'cd' * 32}"
SCOPES = ["read", "configure", "run", "approve", "administer"]
SHOWN = 160  # lines of the statement, of its differences; the files have all of them
# The run's id, on top and with the run itself, and how long the command took: a line each.
OWN = re.compile(rb'^ *"(?:run_id|elapsed_s)": .*\n', re.MULTILINE)
OWN_LINES = 3
_ME = [sys.executable, "-m", "chargeline"]


def main() -> int:
    """Exit code 0 when both systems say the same, and every line stands once."""
    assert isinstance(sys.stdout, io.TextIOWrapper), "what others print comes in its order"
    sys.stdout.reconfigure(line_buffering=True)
    month = generate_month(SEED, clients=CLIENTS, lines=LINES)
    folder = Path(tempfile.mkdtemp(prefix="chargeline-month-"))
    with servers() as real:
        printed, wrong = distributed(folder, month, real.environment)
    said = {"distributed": printed, "embedded": embedded(folder / "embedded", month)}
    compared = {name: without_own(document) for name, document in said.items()}
    show(compared["distributed"].decode().splitlines())
    for name, document in said.items():
        file = folder / f"statement-{name}.json"
        file.write_bytes(document)
        digest = hashlib.sha256(compared[name]).hexdigest()
        print(f"statement {name:<12} sha256 {digest}  {file}")
    same = compared["distributed"] == compared["embedded"]
    if not same:
        one, other = (document.decode().splitlines() for document in compared.values())
        show(list(difflib.unified_diff(one, other, "distributed", "embedded", lineterm="")))
    for fault in wrong:
        print(fault)
    print(f"lines={json.loads(printed)['lines']} same={same} wrong={len(wrong)}")
    return 0 if same and not wrong else 1


def without_own(document: bytes) -> bytes:
    """A statement as it was printed, without the lines of the run's id and of the time it took."""
    left, cut = OWN.subn(b"", document)
    assert cut == OWN_LINES, f"{cut} lines are the run's own, {OWN_LINES} were to be"
    return left


def distributed(folder: Path, month: Month, environment: dict[str, str]) -> tuple[bytes, list[str]]:
    """The statement as printed, and what the oracle, the trace and the consumer find wrong."""
    traces = folder / "traces"
    given = (
        os.environ
        | environment
        | {
            "CHARGELINE_NAMESPACE": "month-",
            "CHARGELINE_TODAY": TODAY,
            "CHARGELINE_TRACE_FILE": str(traces),
            "CHARGELINE_OPERATOR_KEY": OPERATOR,
        }
    )
    with sandboxes(month) as url:
        given["CHARGELINE_SANDBOX"] = url
        began = time.monotonic()
        with Cluster(folder / "services", given) as cluster:
            print(f"{len(SERVICES)} services ready after {time.monotonic() - began:.1f} s")
            client = tenant_at(cluster.api)
            ran = json.loads(typed(client, "run", *asked(folder, month)))["run_id"]
            printed = typed(client, "statement", ran, "--json")
            # A gateway does not explain lines: who reaches the store does.
            line = posted_line(typed(given, "explain", "--all", "--json"))
            tree = typed(given, "trace", "--from", str(traces), line).decode()
            began = time.monotonic()
        print(f"all stopped cleanly in {time.monotonic() - began:.1f} s")
        state = loads(httpx.get(f"{url}/_sandbox/halopsa/state", timeout=60).content)
    verdict = oracle.judge(
        {"pax8": month.pax8, "halopsa": month.halopsa, "person": []},
        month.resolved_settings(),
        state["entities"],
    )
    print(f"the way of {line}\n{tree}")
    wrong = [str(fault) for fault in verdict.faults]
    wrong += [f"no step of {service} on the way of {line}" for service in unseen(tree)]
    return printed, wrong + consumer(folder, given, json.loads(printed)["statement"])


def unseen(tree: str) -> list[str]:
    """Services that do nothing in it."""
    names = [service.replace("_", "-") for service in SERVICES]
    return [name for name in names if not re.search(rf"[├└] {name} (command|on|job) ", tree)]


def consumer(folder: Path, environment: Mapping[str, str], statement: dict[str, Any]) -> list[str]:
    """What is wrong with what the example in docs makes of the billing events that are there."""
    found = {
        "KAFKA": environment["CHARGELINE_KAFKA"],
        "TENANT": "main",
        "TOPIC": f"{environment['CHARGELINE_NAMESPACE']}billing.events.v1",
        "LEDGER": str(folder / "ledger.db"),
    }
    ended = subprocess.run(
        [sys.executable, str(EXAMPLE), "--once"],
        env={**environment, **found},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    print(f"example consumer:\n{ended.stdout}")
    wrong = [f"the consumer ended with {ended.returncode}"] if ended.returncode else []
    for currency, sides in statement["currencies"].items():
        starts, posted = f"{statement['document']}  {currency}  ", sides["price"]["posted"]
        said = [line for line in ended.stdout.splitlines() if line.startswith(starts)]
        if [line for line in said if line.endswith(f" = statement {posted}")] != said or not said:
            wrong.append(f"the consumer does not find the statement's {posted} {currency}")
    return wrong


def embedded(folder: Path, month: Month) -> bytes:
    """The statement of the same month in one process over a data folder, as printed."""
    with sandboxes(month) as url:
        ran = run(folder, month, url, dict(os.environ))["run_id"]
    return typed(dict(os.environ), "statement", ran, "--json", "--data", str(folder / "data"))


def tenant_at(root: str) -> dict[str, str]:
    """A tenant made by the operator: the environment of a command line with its key, no more."""
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    with httpx.Client(base_url=f"{root}/v1", headers=operator, timeout=60) as http:
        tenant = {"tenant": "main", "name": "Main", "terms_accepted": "1"}
        http.post("/tenants", json=tenant).raise_for_status()
        wanted = {"name": "month", "scopes": SCOPES}
        made = http.post("/tenants/main/keys/first", json=wanted).raise_for_status()
    mine = {name: value for name, value in os.environ.items() if not name.startswith("CHARGELINE_")}
    return mine | {"CHARGELINE_URL": root, "CHARGELINE_API_KEY": made.json()["token"]}


def asked(folder: Path, month: Month) -> list[str]:
    """Words for `chargeline run` that bring the month's settings and the sandboxes' accounts."""
    settings = month.resolved_settings()
    for vendor in ("pax8", "halopsa"):
        account = {"client_id": "sandbox", "client_secret": "sandbox"}
        settings[vendor] = settings.get(vendor, {}) | account
    file = folder / "settings.toml"
    file.write_text(toml(settings), encoding="utf-8")
    return ["--settings", str(file), "--yes", "--json"]


def posted_line(explained: bytes) -> str:
    """The id of a line that stands at the destination."""
    documents = json.loads(explained)["documents"]
    lines = [line for document in documents for line in document["lines"]]
    return str(next(line["line"] for line in lines if line["stands"] == "posted"))


def run(
    folder: Path, month: Month, url: str, environment: dict[str, str], *, document: str = ""
) -> dict[str, Any]:
    """`chargeline run` as typed, over all documents or one; its JSON document."""
    folder.mkdir(parents=True)
    settings = folder / "settings.toml"
    settings.write_text(toml(month.resolved_settings()), encoding="utf-8")
    words = ["run", "--sandbox-url", url, "--settings", str(settings)]
    words += ["--document", document] if document else []
    words += ["--data", str(folder / "data"), "--today", TODAY, "--yes", "--json"]
    key = {"CHARGELINE_KEY": environment.get("CHARGELINE_KEY", "")}
    found: dict[str, Any] = json.loads(typed(environment | key, *words))
    return found


def typed(environment: dict[str, str], *words: str) -> bytes:
    """What the command printed; it must have ended well."""
    ended = subprocess.run(
        [*_ME, *words], env=environment, stdout=subprocess.PIPE, check=False, timeout=300
    )
    failed = f"`{' '.join(words)}` ended with {ended.returncode}\n{ended.stdout.decode()}"
    assert ended.returncode == 0, failed
    return ended.stdout


def show(lines: list[str]) -> None:
    """As many as a person looks at."""
    print("\n".join(islice(lines, SHOWN)))
    if len(lines) > SHOWN:
        print(f"… and {len(lines) - SHOWN} lines more, which are in the files")


@contextmanager
def sandboxes(month: Month) -> Iterator[str]:
    """Both vendors in a process of their own, loaded; their address."""
    serving = [*_ME, "sandbox", "serve", "--port", "0", "--today", TODAY]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None, "its ready line is read"
            url = process.stdout.readline().split()[-1]
            for vendor, payload in (("pax8", month.pax8), ("halopsa", month.halopsa)):
                content = dumps(payload)
                path = f"{url}/_sandbox/{vendor}/load"
                httpx.post(path, content=content, timeout=60).raise_for_status()
            yield url
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
