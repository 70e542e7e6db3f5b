"""When two names are the same, and how alike they are when they are not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rapidfuzz import fuzz, process

from schemas.messages import Suggestion

SUGGESTIONS_MAX = 5
SCORE_MIN = 55


def normal_name(name: str) -> str:
    """NFKC, case folded, runs of white space as one space: what "exact name" compares."""
    # Folding can undo the normal form and the other way round, hence twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def alike(name: str, candidates: Iterable[tuple[int, str]]) -> tuple[Suggestion, ...]:
    """The candidates whose names come nearest: at most five, best first, then by id."""
    wanted = normal_name(name)
    if not wanted:
        return ()
    names = dict(sorted(candidates))
    hits = process.extract(
        wanted,
        {number: normal_name(text) for number, text in names.items()},
        scorer=fuzz.token_sort_ratio,
        score_cutoff=SCORE_MIN,
        limit=None,
    )
    best = sorted(
        ((round(score), number) for _, score, number in hits), key=lambda h: (-h[0], h[1])
    )
    return tuple(
        Suggestion(id=number, name=names[number], score=score, evidence="similar name")
        for score, number in best[:SUGGESTIONS_MAX]
    )
