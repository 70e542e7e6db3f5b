"""Seeded generator of months that a Pax8 partner could have: same arguments, same bytes."""

from sandbox.generate.large import Large, generate_large
from sandbox.generate.month import Month, generate_month
from sandbox.generate.planted import Shape
from sandbox.generate.varieties import VARIETIES
from sandbox.generate.year import generate_year

__all__ = [
    "VARIETIES",
    "Large",
    "Month",
    "Shape",
    "generate_large",
    "generate_month",
    "generate_year",
]
