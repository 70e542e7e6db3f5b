"""The jobs of the poster by the kind of their command, each with how its failure is told."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.jobs import JobKind
from poster_halo.apply import ApplyingJob
from poster_halo.planning import PlanningJob
from poster_halo.tools import Tools
from poster_halo.undo import UndoingJob


def kinds(tools: Tools) -> Mapping[str, JobKind]:
    """What the runner runs."""
    planning, applying, undoing = PlanningJob(tools), ApplyingJob(tools), UndoingJob(tools)
    return {
        "PlanRun": JobKind(planning.run, planning.failed),
        "ApplyRun": JobKind(applying.run, applying.failed),
        "UndoPostings": JobKind(undoing.run, undoing.failed),
    }
