"""The Pax8 sandbox: the partner API of the vendor's sheet, with its quirks."""

from sandbox.pax8.vendor import build

__all__ = ["build"]
