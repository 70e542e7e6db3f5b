"""The bus's contract: durable when `publish` returns, at least once, in order per topic and key.

The embedded bus and Kafka meet it, under one contract suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chassis.records import Message
from chassis.service import Service

__all__ = ["Bus", "Message"]


class Bus(Protocol):
    """Mounted services consume from `start` on; `stop` lets what is in hand finish."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """All of them, in order, durable on return."""
        ...

    def mount(self, service: Service) -> None:
        """Subscribe the service's routes, one consumer group a route (`service.topic`)."""
        ...

    async def start(self) -> None:
        """Begin to consume."""
        ...

    async def stop(self) -> None:
        """Drain what is in hand, then stop."""
        ...
