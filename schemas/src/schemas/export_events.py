"""The public events for those who do not read Python: JSON Schema, AsyncAPI 3.0, and examples."""

from __future__ import annotations

import inspect
import json
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas.event_examples import EVENT_EXAMPLES
from schemas.events import CONTENT_TYPE, EVENTS, TOPIC, type_of
from schemas.ids import content_hash

_CHANNEL = "billingEvents"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KEY = {"type": "string", "description": "The tenant: its events keep their order"}


def event_exports() -> dict[str, bytes]:
    """Every exported file about events by its path under `schemas/`."""
    files = {f"json/events/{type_of(event)}.json": _pretty(_schema(event)) for event in EVENTS}
    files["asyncapi/billing-events.json"] = _pretty(asyncapi())
    for kind in EVENT_EXAMPLES:
        text = shown(kind)
        files[f"examples/events/{kind}.{content_hash(text)[:8]}.json"] = text
    return files


def shown(kind: str) -> bytes:
    """The example of the event type as people read it."""
    event = EVENT_EXAMPLES[kind].model_dump(mode="json")
    return json.dumps(event, indent=2, ensure_ascii=False).encode() + b"\n"


def asyncapi() -> dict[str, Any]:
    """One document with everything in it: the channel, its messages, their payloads."""
    names, schemas = models_json_schema(
        [(event, "serialization") for event in EVENTS],
        ref_template="#/components/schemas/{model}",
    )
    of = {type_of(event): names[event, "serialization"] for event in EVENTS}
    here = [{"$ref": f"#/channels/{_CHANNEL}/messages/{_name(kind)}"} for kind in of]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Chargeline billing events",
            "version": "1.0.0",
            "description": "What became of distributor charges, for other systems: CloudEvents 1.0"
            " in structured mode on Apache Kafka. The guide is docs/events.md.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            _CHANNEL: {
                "address": TOPIC,
                "description": "A namespace set for the system precedes the topic's name.",
                "messages": {
                    _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in of
                },
            }
        },
        "operations": {
            "publishBillingEvents": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{_CHANNEL}"},
                "messages": here,
            }
        },
        "components": {
            "messages": {_name(kind): _message(kind, ref) for kind, ref in of.items()},
            "schemas": schemas["$defs"],
        },
    }


def _message(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    event = EVENT_EXAMPLES[kind]
    return {
        "name": kind,
        "title": inspect.cleandoc(type(event).__doc__ or ""),
        "contentType": CONTENT_TYPE,
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY}},
        "examples": [{"name": _name(kind), "payload": event.model_dump(mode="json")}],
    }


def _schema(event: Any) -> dict[str, Any]:
    schema: dict[str, Any] = event.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, **schema}


def _name(kind: str) -> str:
    """`chargeline.run.ended.v1` as a word: `runEndedV1`."""
    first, *rest = kind.split(".")[1:]
    return first + "".join(word.capitalize() for word in rest)


def _pretty(schema: dict[str, Any]) -> bytes:
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
