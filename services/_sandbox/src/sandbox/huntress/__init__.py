"""A Huntress sandbox, written from the sheet of its REST API."""

from sandbox.huntress.vendor import build

__all__ = ["build"]
