"""When two names are the same, and how alike they are when they are not."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from rapidfuzz import fuzz, process

from schemas.messages import Suggestion

SUGGESTIONS_MAX = 5
SCORE_MIN = 55


def normal_name(name: str) -> str:
    """NFKC, case folded, runs of white space as one space: what "exact name" compares."""
    # Folding can undo the normal form and the other way round, hence twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def domain_of(website: str) -> str:
    """The host of an address as people type it, without `www.`; empty when there is none."""
    typed = website.strip().casefold()
    try:
        host = urlsplit(typed if "//" in typed else f"//{typed}").hostname or ""
    except ValueError:  # not an address at all
        return ""
    host = host.removeprefix("www.").rstrip(".")
    return host if "." in host else ""


class Names:
    """Names to look among. A run asks for the same product once a batch: answers are kept."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._normal: dict[int, str] | None = None
        self._answers: dict[str, tuple[Suggestion, ...]] = {}

    def alike(self, name: str) -> tuple[Suggestion, ...]:
        """Those that come nearest: at most five, best first, then by id."""
        wanted = normal_name(name)
        if wanted not in self._answers:
            self._answers[wanted] = self._nearest(wanted) if wanted else ()
        return self._answers[wanted]

    def _nearest(self, wanted: str) -> tuple[Suggestion, ...]:
        if self._normal is None:
            self._normal = {number: normal_name(name) for number, name in self._names.items()}
        hits = process.extract(
            wanted,
            self._normal,
            scorer=fuzz.token_sort_ratio,
            score_cutoff=SCORE_MIN,
            limit=None,
        )
        best = sorted((-round(score), number) for _, score, number in hits)
        return tuple(
            Suggestion(id=n, name=self._names[n], score=-score, evidence="similar name")
            for score, n in best[:SUGGESTIONS_MAX]
        )
