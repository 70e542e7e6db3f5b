"""The billing events of a data folder, and the example consumer that stands in the docs."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

from chassis.records import Message
from schemas.events import CONTENT_TYPE, TOPIC

CONSUMER = Path(__file__).parents[2] / "docs" / "examples" / "billing-events" / "consumer.py"


def events_in(folder: Path) -> list[Message]:
    """As the embedded system has published them, in their order; nobody may own the folder."""
    [file] = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT key, value FROM log WHERE topic = ? ORDER BY position", (TOPIC,)
        ).fetchall()
    return [Message(TOPIC, key, value, {"content-type": CONTENT_TYPE}) for key, value in rows]


def consumer() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("example_consumer", CONSUMER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
