"""Lines gathered by batch with bounded memory: what does not fit waits in a file without a name."""

from __future__ import annotations

import tempfile
from operator import itemgetter
from typing import IO

SPOOL_BYTES = 16 * 1024 * 1024


class Spool[K]:
    """Chunks of JSON rows by key; they come back in the order of their pages."""

    def __init__(self, limit_bytes: int = SPOOL_BYTES) -> None:
        self._limit = limit_bytes
        self._held: dict[K, list[tuple[int, bytes]]] = {}
        self._held_bytes = 0
        self._spilt: dict[K, list[tuple[int, int, int]]] = {}  # page, place in the file, size
        self._file: IO[bytes] | None = None

    def clear(self) -> None:
        """Forget everything."""
        self._held, self._spilt, self._held_bytes = {}, {}, 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, key: K, page: int, rows: bytes) -> None:
        """`rows` is JSON without its brackets."""
        self._held.setdefault(key, []).append((page, rows))
        self._held_bytes += len(rows)
        if self._held_bytes > self._limit:
            self._spill()

    def body(self, key: K) -> bytes:
        """All rows of a key as one JSON array."""
        parts = [(page, self._read(at, size)) for page, at, size in self._spilt.get(key, ())]
        parts += self._held.get(key, ())
        parts.sort(key=itemgetter(0))
        return b"[" + b",".join([rows for _, rows in parts]) + b"]"

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        at = self._file.seek(0, 2)
        for key, chunks in self._held.items():
            places = self._spilt.setdefault(key, [])
            for page, rows in chunks:
                places.append((page, at, len(rows)))
                at += self._file.write(rows)
        self._held, self._held_bytes = {}, 0

    def _read(self, at: int, size: int) -> bytes:
        assert self._file is not None, "what was spilt is in the file"
        self._file.seek(at)
        return self._file.read(size)
