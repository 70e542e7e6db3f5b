"""Every operation of the OpenAPI document, asked with what its schemas allow and forbid."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings

from gateway.rest import rates
from gateway.rest.app import ROUTERS

ADDRESS = re.compile(r"up at (http://\S+)/v1")
CASES: Counter[str] = Counter()
EXAMPLES = 15

# What a schema can not say: the version that was read, and rules between fields.
STANDING = ["2xx", "3xx", "401", "403", "404", "409", "412", "428", "429"]
RULES = {
    "checks": {"positive_data_acceptance": {"expected-statuses": STANDING}},
    "operations": [
        {
            "include-name": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": [*STANDING, "422"]}},
        }
        for name in (
            "PUT /v1/tenants/{tenant}/settings",
            "POST /v1/auth/sign-up",
            "POST /v1/tenants/{tenant}/webhooks",
            "PUT /v1/tenants/{tenant}/webhooks/{webhook}",
        )
    ],
}


@dataclass
class Up:
    """`chargeline up --sandbox`, and a key with every scope of its tenant."""

    root: str
    key: str


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("openapi") / "data"
    command = [sys.executable, "-m", "chargeline", "up", "--sandbox", "--port", "0"]
    unlimited = {rates.CALLER: "1000000", rates.ADDRESS: "1000000"}
    with subprocess.Popen(
        [*command, "--data", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | unlimited,
    ) as process:
        assert process.stderr is not None
        try:
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "it ended before it was up"
                found = ADDRESS.search(line)
            process.stderr.readline()
            root = found.group(1)
            operator = {"Authorization": f"Bearer {(folder / 'operator-key').read_text().strip()}"}
            body: dict[str, Any] = {"tenant": "t", "name": "T", "terms_accepted": "1"}
            httpx.post(f"{root}/v1/tenants", json=body, headers=operator).raise_for_status()
            scopes = ["read", "configure", "run", "approve", "administer"]
            body = {"name": "all", "scopes": scopes}
            made = httpx.post(f"{root}/v1/tenants/t/keys/first", json=body, headers=operator)
            yield Up(root, made.json()["token"])
        finally:
            process.terminate()


def labels() -> list[str]:
    return sorted(
        f"{method} /v1{route.path}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    )


@pytest.fixture(scope="module")
def document(up: Up) -> Any:
    config = schemathesis.Config.from_dict(RULES)
    return schemathesis.openapi.from_url(f"{up.root}/v1/openapi.json", config=config, timeout=60)


@pytest.mark.parametrize("label", labels())
def test_every_answer_is_as_described(document: Any, up: Up, label: str) -> None:
    found = [result.ok() for result in document.get_all_operations()]
    [operation] = [one for one in found if one.label == label]
    asked = 0

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def answers(case: Any) -> None:
        nonlocal asked
        if "tenant" in case.path_parameters:
            case.path_parameters["tenant"] = "t"
        asked += 1
        case.call_and_validate(headers={"Authorization": f"Bearer {up.key}"})

    answers()
    assert asked >= 1
    CASES[label] += asked


def test_what_one_answer_says_the_next_request_may_use(document: Any, up: Up) -> None:
    """The links that the document's own names lead to: a run that was begun is read, and so on."""

    class Following(document.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            if "tenant" in case.path_parameters:
                case.path_parameters["tenant"] = "t"
            CASES["following"] += 1
            return {"headers": {"Authorization": f"Bearer {up.key}"}}

    Following.run(
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
    )
    assert CASES["following"] > EXAMPLES


def test_how_many_cases_were_asked(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES:
        pytest.fail("asked alone: this counts what the tests above have asked")
    with capsys.disabled():
        print(f"\noperations={len(CASES) - 1} cases={CASES.total()} failures=0")
