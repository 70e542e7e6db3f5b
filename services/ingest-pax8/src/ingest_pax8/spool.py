"""Lines gathered by batch with bounded memory: what does not fit waits in a file without a name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

SPOOL_BYTES = 8 * 1024 * 1024


class Spool[K]:
    """Chunks of JSON rows by key, in the order they were added."""

    def __init__(self, limit_bytes: int = SPOOL_BYTES) -> None:
        self._limit = limit_bytes
        self._held: dict[K, list[bytes]] = {}
        self._held_bytes = 0
        self._spilt: dict[K, list[tuple[int, int]]] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Spool[K]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, key: K, rows: bytes) -> None:
        """`rows` is JSON without its brackets."""
        self._held.setdefault(key, []).append(rows)
        self._held_bytes += len(rows)
        if self._held_bytes > self._limit:
            self._spill()

    def body(self, key: K) -> bytes:
        """All rows of a key as one JSON array."""
        parts: Iterator[bytes] = (self._read(*place) for place in self._spilt.get(key, ()))
        return b"[" + b",".join([*parts, *self._held.get(key, ())]) + b"]"

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        at = self._file.seek(0, 2)
        for key, chunks in self._held.items():
            rows = b",".join(chunks)
            self._spilt.setdefault(key, []).append((at, len(rows)))
            at += self._file.write(rows)
        self._held, self._held_bytes = {}, 0

    def _read(self, at: int, size: int) -> bytes:
        assert self._file is not None, "what was spilt is in the file"
        self._file.seek(at)
        return self._file.read(size)
