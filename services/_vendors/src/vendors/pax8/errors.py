"""What Pax8's statuses mean. Everything here is a read: Pax8 has no billing write."""

from __future__ import annotations

from vendors.outcomes import Refuse, SignIn, Statuses, Wait

_KEY = "Check the client id and secret of the Pax8 integration (Pax8 portal, Integrations)"
_RIGHT = "The Pax8 credentials may not read this: a Partner Admin has to allow it"
_DOWN = Wait("pax8-down", "Pax8 has a fault; it is tried again")
_LIMIT = Wait("pax8-limit", "Too many calls; the rest waits")

READ = Statuses(
    known={
        400: Refuse("pax8-request", "Pax8 does not understand the request: report it"),
        401: SignIn(
            "pax8-token-refused", "Pax8 does not accept its own token: check the integration"
        ),
        403: Refuse("pax8-right-missing", _RIGHT),
        404: Refuse("pax8-missing", "Pax8 does not know it (any more)"),
        408: Wait("pax8-slow", "Pax8 was too slow; it is tried again"),
        422: Refuse("pax8-request", "Pax8 does not accept the request: report it"),
        429: _LIMIT,
    },
    server=_DOWN,
    other=Refuse("pax8-answer", "This is not what Pax8 answers: check the address and any proxy"),
)

TOKEN = Statuses(
    known={
        400: Refuse("pax8-login", _KEY),
        401: Refuse("pax8-login", _KEY),
        403: Refuse("pax8-login", _KEY),
        408: Wait("pax8-slow", "Pax8 was too slow; it is tried again"),
        429: _LIMIT,
    },
    server=_DOWN,
    other=Refuse("pax8-address", "There is no Pax8 sign-in at this address: check it"),
)
