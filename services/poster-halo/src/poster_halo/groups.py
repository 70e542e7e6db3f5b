"""In what portions the batches of a command are applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from poster_halo.planning import canary_of
from poster_halo.store import PlanRecord
from schemas.messages import ApplyRun, ApprovedPlan, ChargesResolved

GROUP_MAX = 100
GROUP_LINES_MAX = 10_000
LAST = 16  # what the last group wrote is told when nothing is left to be written meanwhile


class Todo(NamedTuple):
    """An approved plan, its record, and the head of its batch."""

    approved: ApprovedPlan
    record: PlanRecord
    batch: ChargesResolved


def lines_of(todo: Sequence[Todo]) -> int:
    """How many lines they post."""
    return sum(one.batch.kept_lines for one in todo)


def groups_of(head: ApplyRun, todo: Sequence[Todo]) -> list[list[Todo]]:
    """The canary by itself, then groups that a page reads back and memory holds; a few last."""
    canary = canary_of([one.record for one in todo]) if head.canary else None
    groups = [[one for one in todo if one.record is canary]] if canary else []
    group: list[Todo] = []
    count = 0
    for one in todo:
        if one.record is canary:
            continue
        lines = one.batch.kept_lines
        if group and (len(group) == GROUP_MAX or count + lines > GROUP_LINES_MAX):
            groups.append(group)
            group, count = [], 0
        group.append(one)
        count += lines
    if len(group) > 2 * LAST:
        return [*groups, group[:-LAST], group[-LAST:]]
    return [*groups, group] if group else groups
