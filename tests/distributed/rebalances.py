"""Rebalances as the consumers saw them, told by their logs.

Every rebalance deals out all partitions of a topic anew, and each member writes how many came to
it. So what the members of a group were given, by the topic's partitions, is how often that was.
One that dies before it writes makes this fewer, never more.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from distributed.cluster import SERVICES, Cluster

EVENT = "partitions-assigned"


def dealt_out(logs: Iterable[Path], partitions: int) -> Counter[str]:
    """By group, how often its topic's partitions were dealt out; the first time counts."""
    given: Counter[str] = Counter()
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            if EVENT in line:
                with contextlib.suppress(ValueError):  # killed while it wrote
                    told = json.loads(line)
                    given[told["service"]] += told["count"]
    return Counter({group: count // partitions for group, count in given.items()})


def rebalances(cluster: Cluster) -> Counter[str]:
    """By service: of its groups, which come and go together, the one that saw the fewest."""
    partitions = int(cluster.environment["CHARGELINE_PARTITIONS"])
    found: Counter[str] = Counter()
    for service in SERVICES:
        logs = [replica.log for replica in cluster.replicas if replica.service == service]
        found[service] = min(dealt_out(logs, partitions).values(), default=0)
    return found
