"""JSON as vendors write it: a numeral goes out digit for digit as it came in."""

import json
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

# The C version exists in CPython; its stub does not say so.
_quote: Callable[[str], str] = encode_basestring


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def dumps(value: Any) -> bytes:
    """The standard encoder has no way to write a Decimal as a numeral, hence this one."""
    out: list[str] = []
    _write(value, out.append)
    return "".join(out).encode()


def _write(value: Any, put: Callable[[str], None]) -> None:
    if isinstance(value, str):
        put(_quote(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, int | Decimal):
        put(str(value))
    elif isinstance(value, float):
        put(repr(value))
    elif isinstance(value, dict):
        mark = "{"
        for key, member in value.items():
            put(f"{mark}{_quote(str(key))}:")
            _write(member, put)
            mark = ","
        put("}" if value else "{}")
    elif isinstance(value, list | tuple):
        mark = "["
        for member in value:
            put(mark)
            _write(member, put)
            mark = ","
        put("]" if value else "[]")
    else:
        raise TypeError(f"{type(value).__name__} has no JSON form here")
