"""The data folder's one owner, by a lock of the operating system that dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chassis.errors import PermanentError


class FolderLock:
    """Held from creation to `release`."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise PermanentError(
                "data-folder-in-use", f"process {owner} works in {folder}: stop it, or speak to it"
            ) from None
        os.truncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._file)
