"""Writes the contracts for those who do not read Python: JSON Schema, and golden example frames.

    python -m schemas.export           writes schemas/json and schemas/asyncapi, and adds what is
                                       new to schemas/examples
    python -m schemas.export --check   says what differs from what is committed, and fails

An example's file name ends in its content's hash: a changed example adds a file, and every shape
ever published stays and is parsed by the tests.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.bodies import BODIES
from schemas.examples import EXAMPLES
from schemas.export_events import event_exports
from schemas.ids import content_hash
from schemas.messages import COMMANDS, FACTS, Head, Parked
from schemas.settings import Settings
from schemas.statement import Statement

FOLDER = Path(__file__).parents[2]  # the member's folder in a checkout
REMEDY = "run `uv run python -m schemas.export` and commit what it writes under schemas/"


def exports() -> dict[str, bytes]:
    """Every exported file by its path under `schemas/`."""
    return _json_schemas() | _examples() | event_exports()


def drift(folder: Path = FOLDER) -> list[str]:
    """One sentence for each file that is not as the code has it; empty when all agree."""
    wanted = exports()
    there = {
        path.relative_to(folder).as_posix()
        for kind in ("json", "asyncapi")
        for path in (folder / kind).rglob("*.json")
    }
    found = [f"schemas/{name} is of no message any more" for name in sorted(there - set(wanted))]
    for name, content in sorted(wanted.items()):
        path = folder / name
        if not path.exists():
            found.append(f"schemas/{name} is missing")
        elif path.read_bytes() != content:
            found.append(f"schemas/{name} differs from the code")
    return found


def write(folder: Path = FOLDER) -> list[str]:
    """Write what differs; the names of the files written."""
    written = []
    for name, content in exports().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            written.append(name)
    return written


def _json_schemas() -> dict[str, bytes]:
    """A message's schema has its topic, its head, and its body's sections in order."""
    files: dict[str, bytes] = {}
    for message in COMMANDS + FACTS:
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": message.__name__,
            "topic": message.topic,
            "head": message.model_json_schema(mode="serialization"),
            "body": [a.json_schema(mode="serialization") for a in BODIES.get(message, ())],
        }
        files[f"json/{message.__name__}.json"] = _pretty(schema)
    others: tuple[type[BaseModel], ...] = (Parked, Settings, Statement)
    for model in others:
        files[f"json/{model.__name__}.json"] = _pretty(model.model_json_schema())
    return files | {"json/asyncapi.json": _pretty(_asyncapi())}


def _asyncapi() -> dict[str, Any]:
    """Topics and their messages, for tools that draw or check them."""
    channels: dict[str, Any] = {}
    everything: tuple[type[Head] | type[Parked], ...] = (*COMMANDS, *FACTS, Parked)
    for message in everything:
        channel = channels.setdefault(message.topic, {"address": message.topic, "messages": {}})
        channel["messages"][message.__name__] = {
            "name": message.__name__,
            "title": inspect.cleandoc(message.__doc__ or "").partition("\n")[0],
            "contentType": "application/jsonl",
            "payload": {"$ref": f"./{message.__name__}.json"},
        }
    info = {"title": "Chargeline", "version": "1"}
    return {"asyncapi": "3.0.0", "info": info, "channels": channels}


def _examples() -> dict[str, bytes]:
    return {
        f"examples/{name}.{content_hash(frame)[:8]}.jsonl": frame
        for name, frame in EXAMPLES.items()
    }


def _pretty(schema: dict[str, Any]) -> bytes:
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def main(arguments: list[str]) -> int:
    """The exit code: 0 when all is as committed, or was written."""
    if "--check" not in arguments:
        for name in write():
            sys.stdout.write(f"wrote schemas/{name}\n")
        return 0
    found = drift()
    for sentence in found:
        sys.stdout.write(f"{sentence}\n")
    sys.stdout.write(f"schema drift: {REMEDY}\n" if found else "schemas: no drift\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
