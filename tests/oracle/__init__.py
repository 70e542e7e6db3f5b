"""Decides what must stand at HaloPSA, from the load, the settings file and nothing of ours.

Written from the Pax8 sheet and the billing rules. Imports the standard library alone: an import
contract keeps it from the code that it judges.
"""

from oracle.check import Fault, Verdict, judge, stamp_of
from oracle.expect import Expected, expectations
from oracle.statement import standing_gaps, statement_gaps

__all__ = [
    "Expected",
    "Fault",
    "Verdict",
    "expectations",
    "judge",
    "stamp_of",
    "standing_gaps",
    "statement_gaps",
]
