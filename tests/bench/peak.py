"""How much memory a process has held at once."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mib() -> float:
    """Of this program alone, in MiB.

    On Linux a child's `ru_maxrss` begins with its parent's and outlives exec, so that a small
    program under a large one looks as large; VmHWM begins anew with the program.
    """
    if _STATUS.exists():
        [kib] = re.findall(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        return int(kib) / 1024
    units = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, elsewhere KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units
