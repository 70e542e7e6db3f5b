"""A stateful fake of HaloPSA, written from the vendor sheet."""

from sandbox.halopsa.vendor import build

__all__ = ["build"]
