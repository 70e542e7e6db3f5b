"""Just enough JSON Schema to check the exported events by; a keyword it does not know is refused.

It is written from the specification and shares nothing with pydantic, which made the schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_NOTES = {"$schema", "$defs", "title", "description", "default"}  # these demand nothing
_KEYWORDS = {"$ref", "type", "const", "enum", "anyOf", "items", "properties", "required"} | {
    "additionalProperties"
}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """What of the value the schema does not allow; empty when valid. `root` holds the refs."""
    unknown = schema.keys() - _KEYWORDS - _NOTES
    assert not unknown, f"teach support.json_schema the keywords {sorted(unknown)}"
    return list(_faults(value, schema, root, at))


def resolved(ref: str, root: dict[str, Any]) -> Any:
    """What a reference within the document leads to; KeyError when it leads nowhere."""
    assert ref.startswith("#/"), f"{ref} leads out of the document"
    found: Any = root
    for part in ref[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def _faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from faults(value, resolved(schema["$ref"], root), root, at)
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at} is no {schema['type']}: {value!r}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at} is not {schema['const']!r}: {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {schema['enum']}: {value!r}"
    if "anyOf" in schema and all(faults(value, one, root, at) for one in schema["anyOf"]):
        yield f"{at} is none of what it may be: {value!r}"
    if isinstance(value, list) and "items" in schema:
        for n, one in enumerate(value):
            yield from faults(one, schema["items"], root, f"{at}[{n}]")
    if isinstance(value, dict):
        yield from _in_object(value, schema, root, at)


def _in_object(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}.{name} is missing"
    more = schema.get("additionalProperties", True)
    for name, one in value.items():
        if name in known:
            yield from faults(one, known[name], root, f"{at}.{name}")
        elif more is False:
            yield f"{at}.{name} is not foreseen"
        elif isinstance(more, dict):
            yield from faults(one, more, root, f"{at}.{name}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])
