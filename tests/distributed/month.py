"""`python -m distributed.month`: a month over processes on real servers, and the same embedded.

The services are asked through the gateway's REST API, as a command line elsewhere asks them.

Prints the statement, both hashes, one charge's trace, and what the example consumer read.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
_ME = [sys.executable, "-m", "chargeline"]


def main() -> int:
    """Exit code 0 when both systems say the same, and every line stands once."""
    month = generate_month(SEED, clients=CLIENTS, lines=LINES)
    folder = Path(tempfile.mkdtemp(prefix="chargeline-month-"))
    with servers() as real:
        told, wrong = distributed(folder, month, real.environment)
    alone, _ = billed(folder / "embedded", month, dict(os.environ))
    hashes = {"distributed": digest(told), "embedded": digest(alone)}
    print(json.dumps(told["statement"]["currencies"], indent=1))
    for name, found in hashes.items():
        print(f"statement {name:<12} sha256 {found}")
    for fault in wrong:
        print(fault)
    same = len(set(hashes.values())) == 1
    print(f"lines={told['lines']} same={same} wrong={len(wrong)}")
    return 0 if same and not wrong else 1


def distributed(
    folder: Path, month: Month, environment: dict[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """The statement's document, and what the oracle finds wrong in HaloPSA's state."""
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
            told = over_rest(folder / "client", month, cluster.api)
            began = time.monotonic()
        print(f"all stopped cleanly in {time.monotonic() - began:.1f} s")
        state = loads(httpx.get(f"{url}/_sandbox/halopsa/state", timeout=60).content)
    verdict = oracle.judge(
        {"pax8": month.pax8, "halopsa": month.halopsa, "person": []},
        month.resolved_settings(),
        state["entities"],
    )
    subprocess.run([*_ME, "trace", "--from", str(traces), told["run_id"]], check=True)
    consumer(given)
    return told, [str(fault) for fault in verdict.faults]


def consumer(environment: dict[str, str]) -> None:
    """What the example in docs makes of the billing events that are there."""
    found = {
        "KAFKA": environment["CHARGELINE_KAFKA"],
        "TENANT": "main",
        "TOPIC": f"{environment['CHARGELINE_NAMESPACE']}billing.events.v1",
    }
    print("example consumer:", flush=True)
    subprocess.run([sys.executable, str(EXAMPLE), "--once"], env=environment | found, check=True)


def billed(folder: Path, month: Month, environment: dict[str, str]) -> tuple[dict[str, Any], str]:
    """The same month in one process over a data folder."""
    with sandboxes(month) as url:
        return run(folder, month, url, environment), url


def over_rest(folder: Path, month: Month, root: str) -> dict[str, Any]:
    """A tenant made by the operator, and `chargeline run` with nothing but an address and a key."""
    folder.mkdir(parents=True)
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    with httpx.Client(base_url=f"{root}/v1", headers=operator, timeout=60) as http:
        tenant = {"tenant": "main", "name": "Main", "terms_accepted": "1"}
        http.post("/tenants", json=tenant).raise_for_status()
        asked = {"name": "month", "scopes": SCOPES}
        made = http.post("/tenants/main/keys/first", json=asked).raise_for_status()
    settings = month.resolved_settings()
    for vendor in ("pax8", "halopsa"):
        account = {"client_id": "sandbox", "client_secret": "sandbox"}
        settings[vendor] = settings.get(vendor, {}) | account
    file = folder / "settings.toml"
    file.write_text(toml(settings), encoding="utf-8")
    mine = {name: value for name, value in os.environ.items() if not name.startswith("CHARGELINE_")}
    ended = subprocess.run(
        [*_ME, "run", "--settings", str(file), "--yes", "--json"],
        env=mine | {"CHARGELINE_URL": root, "CHARGELINE_API_KEY": made.json()["token"]},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, f"exit code {ended.returncode}"
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def run(
    folder: Path, month: Month, url: str, environment: dict[str, str], *, document: str = ""
) -> dict[str, Any]:
    """`chargeline run` as typed, over all documents or one; its JSON document."""
    folder.mkdir(parents=True)
    settings = folder / "settings.toml"
    settings.write_text(toml(month.resolved_settings()), encoding="utf-8")
    command = [*_ME, "run", "--sandbox-url", url, "--settings", str(settings)]
    command += ["--document", document] if document else []
    ended = subprocess.run(
        [*command, "--data", str(folder / "data"), "--today", TODAY, "--yes", "--json"],
        env=environment | {"CHARGELINE_KEY": environment.get("CHARGELINE_KEY", "")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, f"exit code {ended.returncode}"
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def digest(told: dict[str, Any]) -> str:
    """Of the statement's JSON, byte for byte; the run's id and times are not in it."""
    return hashlib.sha256(json.dumps(told["statement"]).encode()).hexdigest()


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
