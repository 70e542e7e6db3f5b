"""The stamp on each of our lines: which line it is, its slot, and the document it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

STAMP_MAX = 255


@dataclass(frozen=True, slots=True)
class Origin:
    """What all stamps of one document share."""

    prefix: str
    day: str
    source: str

    def stamp(self, line: str, slot: str) -> str:
        """`line_… slot prefix date source`, at most 255 characters."""
        text = f"{line} {slot} {self.prefix} {self.day or '-'} {self.source}"
        assert len(text) <= STAMP_MAX, "ids are short"
        return text


# Line, slot, prefix, day and source of a stamp.
Words = tuple[str, str, str, str, str]


def is_stamp(value: object) -> TypeGuard[str]:
    """Whether it is ours: it begins with the id of a line."""
    return isinstance(value, str) and value.startswith("line_")


def words_of(stamp: str) -> Words:
    """The five words of one of our stamps, the last ones empty if they are missing."""
    words = stamp.split(" ")
    if len(words) < 5:
        words += [""] * 4
    line, slot, prefix, day, source, *_ = words
    return line, slot, prefix, "" if day == "-" else day, source
