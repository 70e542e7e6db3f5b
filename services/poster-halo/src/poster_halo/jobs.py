"""The jobs of the poster by the kind of their command, each with how its failure is told."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.jobs import JobKind
from poster_halo.apply import ApplyingJob
from poster_halo.count_store import CountStore
from poster_halo.counting import CountingJob
from poster_halo.linking import LinkingJob
from poster_halo.planning import PlanningJob
from poster_halo.tools import Tools
from poster_halo.undo import UndoingJob


def kinds(tools: Tools, counts: CountStore) -> Mapping[str, JobKind]:
    """What the runner runs."""
    planning, applying, undoing = PlanningJob(tools), ApplyingJob(tools), UndoingJob(tools)
    counting, linking = CountingJob(tools, counts), LinkingJob(tools, counts)
    return {
        "PlanRun": JobKind(planning.run, planning.failed),
        "ApplyRun": JobKind(applying.run, applying.failed),
        "UndoPostings": JobKind(undoing.run, undoing.failed),
        "CountsResolved": JobKind(counting.run, counting.failed),
        "LinkCounts": JobKind(linking.run, linking.failed),
    }
