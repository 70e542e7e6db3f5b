"""What companies, clients and items are called, as the last runs came upon them.

Runs say it the same over a data folder and over a gateway, and nobody asks a vendor for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chargeline.desk import Reading
from gateway.queries import BatchView

_RUNS = 12  # a year of months


@dataclass(frozen=True)
class Names:
    """By id: a source's company; a client and an item at the destination."""

    companies: dict[str, str] = field(default_factory=dict)
    clients: dict[int, str] = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)

    def learn(self, views: Iterable[BatchView]) -> None:
        """A later view knows better."""
        for view in views:
            kind, _, number = view.bill_to.partition(":")
            if kind == "client" and view.client_name:
                self.clients[int(number)] = view.client_name
            for hold in view.holds:
                if hold.company and hold.name:
                    self.companies[hold.company] = hold.name
                known = self.items if hold.product_key else self.clients
                for maybe in hold.suggestions:
                    known.setdefault(maybe.id, maybe.name)


async def names_of(desk: Reading) -> Names:
    """Of the last runs, the newest last."""
    names = Names()
    for run in (await desk.queries.runs(desk.tenant))[-_RUNS:]:
        names.learn(await desk.queries.batches(desk.tenant, run.run))
    return names
