"""A page as stored: one line of notes, a line feed, and the bytes exactly as the vendor sent them.

The notes hold a digest of every row, so that one edited byte is found for that very row.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from ingest_pax8.domain.identity import Basis

_DIGEST_CHARS = 16
_CONTENT = re.compile(r'"content"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_OPEN, _SHUT, _NEXT = b'{"content":[{', b'}],"page":{', b"},{"


class PageNotes(BaseModel):
    """`spans` are where each row begins and ends in the raw bytes, one after the other.

    `reading` names the attempt that read it: pages of different attempts are never one document.
    """

    model_config = ConfigDict(frozen=True)

    reading: str
    number: int
    pages: int
    promised: int
    spans: list[int] = []
    digests: str = ""
    rest: str = ""
    named_by: Basis = "ids"
    names: list[str] = []  # what tells the rows apart: the vendor's ids if all have one, or fields


def measured(notes: PageNotes, raw: bytes, rows: int) -> PageNotes:
    """The notes with where the rows are and what they are."""
    spans = row_spans(raw, rows)
    return notes.model_copy(
        update={
            "spans": [at for span in spans for at in span],
            "digests": "".join([_digest(raw[start:end]) for start, end in spans]),
            "rest": _digest(_rest(raw, spans)),
        }
    )


def to_stored(notes: PageNotes, raw: bytes) -> bytes:
    """The record's body: the raw bytes stand in it verbatim."""
    return notes.model_dump_json().encode() + b"\n" + raw


def from_stored(body: bytes) -> tuple[PageNotes, bytes]:
    """Notes and raw bytes."""
    notes, _, raw = body.partition(b"\n")
    return PageNotes.model_validate_json(notes), raw


def row_digests(digests: str) -> list[str]:
    """One a row, of a page's."""
    ends = range(_DIGEST_CHARS, len(digests) + 1, _DIGEST_CHARS)
    return [digests[end - _DIGEST_CHARS : end] for end in ends]


def altered_rows(body: bytes) -> list[int]:
    """Rows of a stored page that are not what was read, by position; -1 stands for the envelope."""
    notes, raw = from_stored(body)
    spans = list(zip(notes.spans[::2], notes.spans[1::2], strict=True))
    digests = row_digests(notes.digests)
    found = [
        row for row, (start, end) in enumerate(spans) if _digest(raw[start:end]) != digests[row]
    ]
    return found if _digest(_rest(raw, spans)) == notes.rest else [*found, -1]


def row_spans(raw: bytes, rows: int) -> list[tuple[int, int]]:
    """Where the rows stand. The usual spelling is cut; any other is scanned."""
    end = raw.rfind(_SHUT) + 1
    if not raw.startswith(_OPEN) or not end:
        return _scanned(raw)
    at = len(_OPEN) - 1
    spans = []
    for row in raw[at + 1 : end - 1].split(_NEXT):
        until = at + len(row) + 2  # with its braces
        spans.append((at, until))
        at = until + 1
    # A text that holds the separator makes pieces that are no rows.
    return spans if len(spans) == rows else _scanned(raw)


def _scanned(raw: bytes) -> list[tuple[int, int]]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return []
    found = _CONTENT.search(text)
    if found is None:
        return []
    decoder, at, spans = json.JSONDecoder(), found.end(), []
    while True:
        at = _at(_BETWEEN.match(text, at), at)
        try:
            _, end = decoder.raw_decode(text, at)
        except ValueError:
            break
        spans.append((at, end))
        at = end
    return _in_bytes(text, spans)


def _in_bytes(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if text.isascii():
        return spans
    marks = [0, *(at for span in spans for at in span)]
    sizes = [len(text[a:b].encode()) for a, b in pairwise(marks)]
    offsets = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    return list(zip(offsets[::2], offsets[1::2], strict=True))


def _at(match: re.Match[str] | None, default: int) -> int:
    return match.end() if match else default


def _rest(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    if not spans:
        return raw
    return raw[: spans[0][0]] + raw[spans[-1][1] :]


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_DIGEST_CHARS]
