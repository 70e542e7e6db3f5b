"""How many examples a property about money is tried with: a thousand, times CHAOS_SCALE."""

from __future__ import annotations

import os

from hypothesis import settings

thousand = settings(max_examples=1000 * int(os.environ.get("CHAOS_SCALE") or 1))
