"""The public events as a contract: exported, exampled, exact, and still parsed once published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import export
from schemas.event_examples import EVENT_EXAMPLES
from schemas.events import EVENTS, TOPIC, BillingEvent, type_of
from schemas.messages import TOPICS
from support.json_schema import faults, resolved

TYPES = {type_of(event): event for event in EVENTS}
PUBLISHED = sorted((export.FOLDER / "examples" / "events").glob("*.json"))
AMOUNT = re.compile(r"-?\d+(\.\d+)?")
# RFC 3986, a relative reference without a scheme: what `source` is.
REFERENCE = re.compile(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+")


def read(name: str) -> Any:
    return json.loads((export.FOLDER / name).read_text(encoding="utf-8"))


def test_every_event_has_a_type_of_its_own_and_an_example() -> None:
    assert len(TYPES) == len(EVENTS)
    assert set(EVENT_EXAMPLES) == set(TYPES)
    assert {re.sub(r"\.\w{8}\.json$", "", path.name) for path in PUBLISHED} == set(TYPES)
    assert all(re.fullmatch(r"chargeline\.\w+\.\w+\.v\d+", kind) for kind in TYPES)
    assert TOPIC in TOPICS


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.name)
def test_every_event_ever_published_still_parses_and_is_valid(path: Path) -> None:
    event = json.loads(path.read_bytes())
    assert TYPES[event["type"]].model_validate_json(path.read_bytes()).id == event["id"]
    schema = read(f"json/events/{event['type']}.json")
    assert faults(event, schema, schema) == []


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_an_event_comes_back_as_it_went(kind: str) -> None:
    event = EVENT_EXAMPLES[kind]
    assert TYPES[kind].model_validate_json(event.model_dump_json()) == event


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_what_an_older_reader_does_not_know_breaks_nothing(kind: str) -> None:
    event = EVENT_EXAMPLES[kind].model_dump(mode="json")
    grown = event | {"later": 1, "data": event["data"] | {"added_later": {"a": [1]}}}
    schema = read(f"json/events/{kind}.json")
    assert faults(grown, schema, schema) == []
    assert TYPES[kind].model_validate(grown) == TYPES[kind].model_validate(event)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_schema_says_what_is_wrong(kind: str) -> None:
    event = EVENT_EXAMPLES[kind].model_dump(mode="json")
    schema = read(f"json/events/{kind}.json")
    data: dict[str, Any] = event["data"]
    assert faults(event | {"type": "other"}, schema, schema) != []
    assert faults(event | {"data": {**data, "run": 7}}, schema, schema) != []
    assert faults({k: v for k, v in event.items() if k != "id"}, schema, schema) != []


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_attributes_are_those_of_cloudevents(kind: str) -> None:
    event = EVENT_EXAMPLES[kind].model_dump(mode="json")
    assert set(event) == {*"specversion id source type subject datacontenttype data".split()}
    assert event["specversion"] == "1.0"
    assert event["id"]
    assert event["subject"]
    assert REFERENCE.fullmatch(event["source"])


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_money_is_a_decimal_string_beside_its_currency(kind: str) -> None:
    data = EVENT_EXAMPLES[kind].model_dump(mode="json")["data"]
    for name, value in leaves(data):
        assert not isinstance(value, float), name
        if name in ("price", "cost") or name.endswith(("_price", "_cost")):
            assert AMOUNT.fullmatch(value), name
    if "money" in data or "held_price" in data:
        assert re.fullmatch(r"[A-Z]{3}", data["currency"])


def test_a_float_is_no_amount() -> None:
    held = EVENT_EXAMPLES["chargeline.charges.held.v1"].model_dump(mode="json")
    wrong = held | {"data": held["data"] | {"held_price": 37.5}}
    with pytest.raises(ValidationError, match="a float is not an amount"):
        TYPES[held["type"]].model_validate(wrong)


def test_asyncapi_names_the_topic_and_every_event() -> None:
    document = read("asyncapi/billing-events.json")
    assert document["asyncapi"] == "3.0.0"
    [(name, channel)] = document["channels"].items()
    assert channel["address"] == TOPIC
    messages = [resolved(m["$ref"], document) for m in channel["messages"].values()]
    assert {message["name"] for message in messages} == set(TYPES)
    [operation] = document["operations"].values()
    assert operation["action"] == "send"
    assert operation["channel"] == {"$ref": f"#/channels/{name}"}
    sent = [
        resolved(resolved(m["$ref"], document)["$ref"], document) for m in operation["messages"]
    ]
    assert sorted(m["name"] for m in sent) == sorted(TYPES)


def test_asyncapi_leads_nowhere_outside_and_its_examples_are_valid() -> None:
    document = read("asyncapi/billing-events.json")
    refs = [value for name, value in leaves(document) if name == "$ref"]
    assert refs
    for ref in refs:
        assert resolved(ref, document)
    for message in document["components"]["messages"].values():
        for example in message["examples"]:
            assert faults(example["payload"], message["payload"], document) == []
            assert example["payload"]["type"] == message["name"]


def test_drift_names_an_asyncapi_file_that_differs_and_schemas_left_over(tmp_path: Path) -> None:
    export.write(tmp_path)
    (tmp_path / "asyncapi" / "billing-events.json").write_text("{}")
    (tmp_path / "json" / "events" / "chargeline.gone.v1.json").write_text("{}")
    assert export.drift(tmp_path) == [
        "schemas/json/events/chargeline.gone.v1.json is of no message any more",
        "schemas/asyncapi/billing-events.json differs from the code",
    ]


def test_no_event_says_when_it_was_made() -> None:
    """An event that is published again would be another one."""
    everything: list[type[BillingEvent]] = [BillingEvent, *EVENTS]
    for event in everything:
        assert "time" not in event.model_fields


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, name)
    else:
        yield name, value
