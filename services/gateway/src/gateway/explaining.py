"""What the gateway asks of whoever explains lines.

Explaining recomputes what other services decide, out of their own domains, so it is not the
gateway's: whoever composes the process hands it in.
"""

from __future__ import annotations

from typing import Protocol

from gateway.domain.run import Run
from schemas.explained import DocumentExplained, LineExplained


class Explains(Protocol):
    """One implementation, and its absence where the services run in processes of their own."""

    async def document(self, tenant: str, run: Run) -> DocumentExplained:
        """Every line of the run's document, under the settings that the run names."""
        ...

    async def line(self, tenant: str, line: str, runs: list[Run]) -> LineExplained:
        """One line, looked for in the documents of these runs; PermanentError `line-unknown`."""
        ...
