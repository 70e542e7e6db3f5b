"""Looks for planted secrets in everything a system has said and kept, however they are written."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from chassis.embedded.sqlite import FILE

if TYPE_CHECKING:
    from chassis.servers.client import Database

SHORTEST = 6  # less would be found by chance


def forms(secret: str) -> dict[str, bytes]:
    """The ways in which a text may carry it, by name."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "URL": quote(secret, safe="").encode(),
        "form": quote_plus(secret).encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(secret))[3:-3].encode(),
        "HTML": escape(secret).encode(),
        "hex": raw.hex().encode(),
    }
    for shift in range(3):  # inside a longer text its base64 depends on what comes before
        packed = base64.b64encode(b"\0" * shift + raw)
        inner = packed[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        found[f"base64 +{shift}"] = inner
        found[f"base64url +{shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


@dataclass
class Search:
    """`plant` what is secret, `look` at everything; `found` says what was where, and how."""

    secrets: dict[str, str] = field(default_factory=dict)  # by text, what it is
    shown: dict[str, str] = field(default_factory=dict)  # by text, the one path that shows it
    places: list[tuple[str, bytes]] = field(default_factory=list)

    def plant(self, what: str, secret: str, shown_by: str = "") -> str:
        """A secret of that kind; `shown_by` is how the path ends that shows it once."""
        assert len(secret) >= SHORTEST, f"{what} is too short to be looked for"
        self.secrets[secret] = what
        if shown_by:
            self.shown[secret] = shown_by
        return secret

    def look(self, place: str, said: bytes) -> None:
        """Something that was said or kept there."""
        self.places.append((place, said))

    def found(self) -> list[str]:
        """What was found, in which form, and where."""
        return [
            f"{what} as {form} in {place}"
            for secret, what in self.secrets.items()
            for form, wanted in forms(secret).items()
            for place, said in self.places
            if wanted in said and not self._shows(place, secret)
        ]

    def _shows(self, place: str, secret: str) -> bool:
        end = self.shown.get(secret)
        return end is not None and place.startswith("answer ") and place.endswith(end)


def in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of every table of a data folder's file, unpacked where it is packed."""
    with closing(sqlite3.connect(folder / FILE)) as file:
        tables = [
            row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for table in tables:
            for row in file.execute(f"SELECT * FROM {table}"):
                label = " ".join(str(v)[:60] for v in row[:4])
                for value in row:
                    yield from _readable(f"{table} {label}", value)


async def on_servers(database: Database) -> AsyncIterator[tuple[str, bytes]]:
    """Every document of every collection."""
    for name in await database.list_collection_names():
        async for document in database[name].find():
            for place, value in _flat(document):
                for found in _readable(f"{name} {document['_id']} {place}", value):
                    yield found


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, place)
    else:
        yield place, value


def _readable(place: str, value: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, str):
        yield place, value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        yield place, value
        for at in (0, value.find(b"x\x01"), value.find(b"x\x9c"), value.find(b"x\xda")):
            if at >= 0 and value[at : at + 1] == b"x":
                try:
                    yield f"{place} (unpacked)", zlib.decompressobj().decompress(value[at:])
                except zlib.error:
                    continue
