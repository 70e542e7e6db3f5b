"""JSON with exact numerals: a Decimal goes out digit for digit as it came in.

The standard C encoder can not write a Decimal as a numeral. It writes a marked string instead, and
the marks (lone surrogates, which no valid text holds) are cut out of the result.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

_OPEN, _SHUT = "\udffe", "\udfff"


def loads(text: str | bytes) -> Any:
    """Numbers with a fraction or exponent become Decimal. Raises ValueError, also for NaN."""
    try:
        return _decoder.decode(text if isinstance(text, str) else _text(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Compact UTF-8. A Decimal becomes a numeral; NaN, infinities and other types are refused."""
    marked = 0

    def mark(number: Any) -> str:
        nonlocal marked
        if not isinstance(number, Decimal) or not number.is_finite():
            raise TypeError(f"{type(number).__name__} {number} has no JSON form here")
        marked += 1
        return _OPEN + str(number) + _SHUT

    text = json.dumps(
        value, default=mark, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    if text.count(_OPEN) == marked == text.count(_SHUT):
        try:
            return text.replace(f'"{_OPEN}', "").replace(f'{_SHUT}"', "").encode()
        except UnicodeEncodeError:
            pass
    # Somebody's text holds half a character: rare, so it may be slow.
    return _written_out(value).encode()


def _written_out(value: Any) -> str:
    """The same, member by member; half characters go out as \\u escapes."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}:{_written_out(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written_out, value)) + "]"
    return json.dumps(value, allow_nan=False)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8-sig")  # some proxies put a byte order mark in front


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
