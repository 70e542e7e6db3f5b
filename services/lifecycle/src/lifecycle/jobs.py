"""The jobs of lifecycle by the kind of their command, each with how its failure is told."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.jobs import JobKind
from lifecycle.batches import Batches
from lifecycle.catalogs import Catalogs
from lifecycle.counting import CountingJob
from lifecycle.creating import CreatingJob
from lifecycle.matching import MatchingJob, MatchingProductsJob
from lifecycle.records import ItemRecords
from lifecycle.resolving import ResolvingJob
from lifecycle.tools import Tools


def kinds(tools: Tools, batches: Batches) -> Mapping[str, JobKind]:
    """What the runner runs."""
    catalogs = Catalogs(tools)
    items = ItemRecords(tools.outbox)
    matching = MatchingJob(tools, catalogs)
    products = MatchingProductsJob(tools, catalogs, items)
    resolving = ResolvingJob(tools, catalogs, batches, items)
    creating = CreatingJob(tools, catalogs, items)
    counting = CountingJob(tools, catalogs)
    return {
        "MatchCompanies": JobKind(matching.run, matching.failed),
        "MatchProducts": JobKind(products.run, products.failed),
        "ResolveRun": JobKind(resolving.run, resolving.failed),
        "CreateItems": JobKind(creating.run, creating.failed),
        "ResolveCounts": JobKind(counting.run, counting.failed),
    }
