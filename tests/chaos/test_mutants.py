"""Every guard that `make mutants` takes away stands where it looks for it."""

from __future__ import annotations

import pytest

from chaos.mutant import Mutant
from chaos.mutants import EVERY, without_guard


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.guard)
def test_a_guard_stands_once_and_can_be_taken_away(mutant: Mutant) -> None:
    text = without_guard(mutant)
    assert text is not None, f"{mutant.file} has changed: tell `make mutants` where it is now"
    compile(text, mutant.file, "exec")
