"""Seeded generator of what a partner could have at its vendors: same arguments, same bytes."""

from sandbox.generate.huntress import HuntressAccount, generate_huntress
from sandbox.generate.huntress_plants import VARIETIES as HUNTRESS_VARIETIES
from sandbox.generate.large import Large, generate_large
from sandbox.generate.month import Month, generate_month
from sandbox.generate.planted import Shape
from sandbox.generate.varieties import VARIETIES
from sandbox.generate.year import generate_year

__all__ = [
    "HUNTRESS_VARIETIES",
    "VARIETIES",
    "HuntressAccount",
    "Large",
    "Month",
    "Shape",
    "generate_huntress",
    "generate_large",
    "generate_month",
    "generate_year",
]
