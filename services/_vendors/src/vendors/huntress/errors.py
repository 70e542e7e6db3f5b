"""What Huntress's statuses mean. Everything here is a read: counts are never written there.

No error body is declared; a 404 also stands for "not permitted".
"""

from __future__ import annotations

from vendors.outcomes import Refuse, Statuses, Wait

WINDOW_S = 60.0  # the limit slides over it; an answer 429 documents no Retry-After

_REQUEST = Refuse("huntress-request", "Huntress does not accept the request: report it")
_SLOW = Wait("huntress-slow", "Huntress was too slow; it is tried again")
LOGIN = Refuse(
    "huntress-login",
    "Check the public key and the secret (Huntress portal, API Credentials); the secret is shown"
    " there once, and the agents' installation key is another one",
)

READ = Statuses(
    known={
        400: _REQUEST,
        401: LOGIN,
        403: Refuse("huntress-right-missing", "The Huntress key may not read this"),
        404: Refuse("huntress-missing", "Huntress does not have it (any more), or may not show it"),
        408: _SLOW,
        409: _REQUEST,
        413: _REQUEST,
        422: _REQUEST,
        429: Wait("huntress-limit", "Huntress's call limit is reached; the rest waits", WINDOW_S),
    },
    server=Wait("huntress-down", "Huntress has a fault (status.huntress.io); it is tried again"),
    other=Refuse(
        "huntress-answer", "This is not what Huntress answers: check the address and any proxy"
    ),
)
