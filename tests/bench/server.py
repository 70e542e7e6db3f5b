"""The vendor sandboxes in a process of their own, loaded with one large document."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from sandbox.generate import Large


@contextmanager
def served(large: Large) -> Iterator[str]:
    """The address of sandboxes that hold the document; they end with the block."""
    code = "from sandbox.serve import serve; serve(0, None)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=url, timeout=120.0, trust_env=False) as http:
            sizes = {"clients": large.clients, "lines_per_client": large.lines_per_client}
            http.post("/_sandbox/pax8/load_large", json=sizes).raise_for_status()
            http.post("/_sandbox/halopsa/load", json=large.halopsa()).raise_for_status()
        yield url
    finally:
        process.terminate()
        process.wait()


def calls(url: str, vendor: str) -> int:
    """How many calls the vendor was asked for, tokens aside."""
    return _counted(url, vendor, "calls")


def refused(url: str, vendor: str) -> int:
    """How many of them it turned away, by its limit or for want of a right."""
    return _counted(url, vendor, "refused")


def _counted(url: str, vendor: str, what: str) -> int:
    with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as http:
        counted: dict[str, int] = http.get(f"/_sandbox/{vendor}/state").json()[what]
    return sum(n for path, n in counted.items() if "token" not in path.lower())
