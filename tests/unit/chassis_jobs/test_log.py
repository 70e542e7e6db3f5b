"""No secret reaches the log, whichever way somebody logs it."""

from __future__ import annotations

import io
import json

import pytest
from pydantic import SecretStr

from chassis.log import logger, redact
from chassis.telemetry import span

CANARY = "canary-5up3r-s3cr3t"


def logged(**fields: object) -> dict[str, object]:
    stream = io.StringIO()
    logger("test", stream=stream).info("event", **fields)
    [line] = stream.getvalue().splitlines()
    parsed: dict[str, object] = json.loads(line)
    return parsed


def test_a_line_is_json_with_the_listed_fields() -> None:
    line = logged(tenant="msp", job="job_1", attempts=2, wait_s=1.5)
    at = line.pop("at")
    assert isinstance(at, str)
    assert line == {
        "event": "event", "level": "info", "logger": "test",
        "tenant": "msp", "job": "job_1", "attempts": 2, "wait_s": 1.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"payload": CANARY},
        {"headers": {"Authorization": CANARY}},
        {"text": SecretStr(CANARY)},
        {"text": {"client_secret": CANARY}},
        {"text": f"client_secret={CANARY}&grant_type=client_credentials"},
        {"text": f'{{"access_token": "{CANARY}", "expires_in": 3600}}'},
        {"text": f"Authorization: Bearer {CANARY}"},
        {"why": f"GET https://user:{CANARY}@halo.example/api failed"},
        {"why": f"password: '{CANARY}' was refused"},
        {"text": f"x-api-key: {CANARY}"},
        {"text": "x" * 480 + f" token={CANARY}"},
    ],
    ids=str,
)
def test_no_secret_gets_through(fields: dict[str, object]) -> None:
    assert CANARY not in json.dumps(logged(**fields))


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "key dGhpc2lzYXZlcnlsb25na2V5MTIzNDU2Nzg5MGFiY2RlZg==",
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    assert text.rsplit(maxsplit=1)[-1] not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "batch_0123456789abcdef0123456789abcdef is held: client-missing",
        "CL-1a2b3c4d-1234567890ab was found on invoice 4711",
        "HaloPSA says: no right to create invoices (403)",
        "the calls of connection connection_0123456789abcdef0123456789abcdef are used up for 3 s",
    ],
)
def test_plain_sentences_and_our_own_ids_stay_readable(text: str) -> None:
    assert redact(text) == text


def test_a_trace_takes_listed_attributes_only() -> None:
    with span("job", tenant="msp", kind="work"):
        pass
    with pytest.raises(AssertionError, match="payload"), span("job", payload=CANARY):
        pass
