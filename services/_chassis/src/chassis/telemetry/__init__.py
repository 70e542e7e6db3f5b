"""What a process tells about its work: spans that follow a charge, and numbers.

With nothing to export to, both cost next to nothing: see `chassis.telemetry.exporting`.
"""

from __future__ import annotations

from chassis.telemetry.tracing import span

__all__ = ["span"]
