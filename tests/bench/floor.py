"""What the figures are compared with, and the normalizer's stage by itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from chassis.embedded.sqlite import FILE
from normalizer.handlers import normalize
from sandbox.generate import Large
from schemas import frame
from schemas.messages import ChargesReceived
from schemas.settings import Settings

ROUNDS = 7


def least_s(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """CPU seconds of the quickest round: noise only ever adds."""
    taken = []
    for _ in range(rounds):
        began_s = time.process_time()
        work()
        taken.append(time.process_time() - began_s)
    return min(taken)


def floor_s_per_line(large: Large) -> float:
    """`orjson.loads` of the same Pax8 answers, page by page as they are read."""
    lines_max = 20_000
    pages = []
    for page in large.pages():
        pages.append(page)
        if len(pages) * 200 >= lines_max:
            break
    lines = min(large.count, len(pages) * 200)

    def load_all() -> None:
        for page in pages:
            orjson.loads(page)

    return least_s(load_all) / lines


def normalizer_s_per_line(folder: Path) -> float:
    """Decode, decide, ids, encode: over the batches that the run has left in the log."""
    with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as store:
        values = [
            row[0]
            for row in store.execute("SELECT value FROM log WHERE topic = 'charges.received.v1'")
        ]
    heads = [ChargesReceived.model_validate_json(frame.decode(v)[0]) for v in values]
    inline = [(h, frame.decode(v)[1]) for h, v in zip(heads, values, strict=True) if not h.body]
    assert inline, "the run has left batches in the log"
    settings = Settings()

    def normalize_all() -> None:
        for head, body in inline:
            normalize(head, body, settings)

    return least_s(normalize_all) / sum(h.lines for h, _ in inline)
