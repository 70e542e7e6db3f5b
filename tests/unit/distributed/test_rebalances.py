"""Rebalances are counted from what consumers were given, whatever was cut off by a kill."""

from __future__ import annotations

import json
from pathlib import Path

from distributed.rebalances import EVENT, dealt_out


def line(group: str, count: int) -> str:
    return json.dumps({"service": group, "count": count, "event": EVENT})


def test_all_partitions_given_once_more_are_one_rebalance(tmp_path: Path) -> None:
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    alone, shared, first = line("a", 4), line("a", 2), line("b", 4)
    one.write_text("\n".join((alone, shared, first, '{"event": "process-begins"}', "no JSON")))
    other.write_text("\n".join((shared, shared, line("a", 4)[:-9])))
    assert dealt_out((one, other), 4) == {"a": 2, "b": 1}, "of the third only a half was told"
