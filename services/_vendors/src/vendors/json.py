"""JSON with exact numerals: a Decimal goes out digit for digit as it came in.

msgspec reads: it hands a number over as the digits that stand there, as the standard decoder does,
and an invoice of 500 lines costs it half. Models are Pydantic's here as everywhere; this is only
how bytes become plain values, and the standard decoder still says what is no JSON.

The standard C encoder can not write a Decimal as a numeral. It writes a mark instead (a lone
surrogate, which no valid text holds), and the numerals are put in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec

_MARK = "\udffe"


@dataclass(frozen=True, slots=True)
class Written:
    """A value that is JSON already: where thousands are alike, a template writes them."""

    text: str


def loads(text: str | bytes) -> Any:
    """Numbers with a fraction or exponent become Decimal. Raises ValueError, also for NaN."""
    numeral = _Numerals().__getitem__
    try:
        return msgspec.json.Decoder(float_hook=numeral).decode(text)
    except (ValueError, RecursionError):
        return _forgiving(text, numeral)


def _forgiving(text: str | bytes, numeral: Callable[[str], Decimal]) -> Any:
    """Reads half a character and a byte order mark, which msgspec refuses; says what is wrong."""
    decoder = json.JSONDecoder(parse_float=numeral, parse_constant=_no_constant)
    try:
        return decoder.decode(text if isinstance(text, str) else _text(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Compact UTF-8. A Decimal becomes a numeral; NaN, infinities and other types are refused."""
    given: list[str] = []

    def mark(other: Any) -> str:
        given.append(_spelled(other))
        return _MARK

    text = json.dumps(
        value, default=mark, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    between = text.split(f'"{_MARK}"')
    if len(between) != len(given) + 1:  # somebody's text is the mark: rare, so it may be slow
        return _encoded(_written_out(value))
    given.append("")
    return _encoded("".join(chain.from_iterable(zip(between, given, strict=True))))


string = json.encoder.encode_basestring  # of a text, for who writes JSON by template


def _spelled(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, Written):
        return value.text
    raise TypeError(f"{type(value).__name__} {value} has no JSON form here")


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")  # half a character: as JSON spells it, \\udffe


def _written_out(value: Any) -> str:
    """The same, member by member."""
    if isinstance(value, dict):
        members = (f"{string(key)}:{_written_out(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written_out, value)) + "]"
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _spelled(value)


class _Numerals(dict[str, Decimal]):
    """The Decimals of one text: the lines of an invoice repeat their rates and prices."""

    def __missing__(self, numeral: str) -> Decimal:
        number = self[numeral] = Decimal(numeral)
        return number


def _text(raw: bytes) -> str:
    return raw.decode("utf-8-sig")  # some proxies put a byte order mark in front


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
