"""What HaloPSA's statuses mean, for a read and for a write; and the rights by the name of a route.

On a write, a status that no table knows is a look: it may have happened.
"""

from __future__ import annotations

from vendors.outcomes import Look, Refuse, SignIn, Statuses, Wait

_KEY = "Check the application's client id and secret (HaloPSA, Configuration, HaloPSA API)"
_RIGHT = "The application's scopes and its agent's permissions must both allow it"
_LIMIT = Wait("halopsa-limit", "HaloPSA's call limit is reached; the rest waits")
_UNKNOWN = Look("halopsa-outcome-unknown", "It may have happened: it is looked for before a repeat")
_MISSING = Refuse("halopsa-missing", "HaloPSA does not have it (any more)")
_LOGIN = SignIn(
    "halopsa-token-refused", "HaloPSA does not accept its own token: check the application"
)
_FORBIDDEN = Refuse("halopsa-right-missing", _RIGHT)
_ELSEWHERE = Refuse("halopsa-address", "There is no HaloPSA API at this address: check it")

READ = Statuses(
    known={
        400: Refuse("halopsa-request", "HaloPSA does not understand the request: report it"),
        401: _LOGIN,
        403: _FORBIDDEN,
        404: _MISSING,
        405: _ELSEWHERE,
        408: Wait("halopsa-slow", "HaloPSA was too slow; it is tried again"),
        429: _LIMIT,
    },
    server=Wait("halopsa-down", "HaloPSA has a fault; it is tried again"),
    other=Refuse(
        "halopsa-answer", "This is not what HaloPSA answers: check the address, any proxy"
    ),
)

WRITE = Statuses(
    known={
        400: Refuse("halopsa-refused", "HaloPSA refuses it: change what it complains about"),
        401: _LOGIN,
        403: _FORBIDDEN,
        404: _MISSING,
        405: _ELSEWHERE,
        413: Refuse("halopsa-too-large", "The request is too large for HaloPSA or a proxy"),
        415: _ELSEWHERE,
        422: Refuse("halopsa-refused", "HaloPSA refuses it: change what it complains about"),
        429: _LIMIT,
    },
    server=_UNKNOWN,
    other=_UNKNOWN,
)

TOKEN = Statuses(
    known={
        400: Refuse("halopsa-login", _KEY),
        401: Refuse("halopsa-login", _KEY),
        403: Refuse("halopsa-login", _KEY),
        404: _ELSEWHERE,
        405: _ELSEWHERE,
        408: Wait("halopsa-slow", "HaloPSA was too slow; it is tried again"),
        429: _LIMIT,
    },
    server=Wait("halopsa-down", "HaloPSA has a fault; it is tried again"),
    other=_ELSEWHERE,
)

# The scope behind a route, where it is published; the others are configuration data.
SCOPES = {
    "client": "customers",
    "supplier": "suppliers",
    "item": "items",
    "invoice": "invoices",
    "recurringinvoice": "invoices",
    "softwarelicence": "softwarelicensing",
    "licencechange": "softwarelicensing",
}


def right(method: str, path: str) -> str:
    """The right that a call needs, by name: `read:invoices`, or what to allow in words."""
    route = path.strip("/").split("/")[0]
    kind = "read" if method == "GET" else "edit"
    scope = SCOPES.get(route.lower())
    return f"{kind}:{scope}" if scope else f"{kind} of {route} (configuration data)"
