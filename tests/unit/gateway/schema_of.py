"""The exported JSON Schema of an event type, read once."""

from __future__ import annotations

import functools
import json
from typing import Any

from schemas.export import FOLDER


@functools.cache
def schema_of(kind: str) -> Any:
    return json.loads((FOLDER / "json" / "events" / f"{kind}.json").read_text(encoding="utf-8"))
