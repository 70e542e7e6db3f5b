"""The bytes of a message: JSON Lines, the head first, then the sections of the body.

A reader that needs the head alone parses one short line; a service that passes a body on does not
parse it at all. JSON escapes line feeds inside strings, so a line feed always ends a section.
"""

from __future__ import annotations

HEAD_LIMIT_BYTES = 4 * 1024
INLINE_LIMIT_BYTES = 512 * 1024


def encode(head: bytes, body: bytes = b"") -> bytes:
    """One message value; `body` is empty, or sections joined by line feeds."""
    assert b"\n" not in head, "a head is one line"
    return head + b"\n" + body if body else head


def decode(value: bytes) -> tuple[bytes, bytes]:
    """Head and body of a message value."""
    head, _, body = value.partition(b"\n")
    return head, body


def join(*sections: bytes) -> bytes:
    """A body of several sections."""
    assert all(b"\n" not in s for s in sections[:-1]), "only the last section may be long"
    return b"\n".join(sections)


def split(body: bytes, sections: int) -> list[bytes]:
    """The sections of a body; the last keeps the rest."""
    return body.split(b"\n", sections - 1)
