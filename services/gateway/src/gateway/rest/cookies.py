"""The session's cookie, and who may send it along: requests of our own pages only."""

from __future__ import annotations

from fastapi import Request, Response

from chassis.errors import PermanentError
from gateway.signin.sessions import ABSOLUTE, HALF_OPEN

NAME = "__Host-chargeline"
ATTEMPT = "__Host-chargeline-oidc"  # a sign-in that is away at another firm
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OURS = {"same-origin", "none"}


def set_session(answer: Response, secret: str) -> None:
    """For this host alone, over https alone, out of reach of scripts."""
    answer.set_cookie(
        NAME,
        secret,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def set_attempt(answer: Response, secret: str) -> None:
    """Until it comes back; lax, because the other firm sends it back."""
    answer.set_cookie(
        ATTEMPT,
        secret,
        max_age=int(HALF_OPEN.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def drop_session(answer: Response) -> None:
    """The browser forgets it."""
    answer.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="lax")


def session_secret(request: Request, origin: str) -> str | None:
    """What the cookie says; PermanentError `cross-site` when another site has sent it along.

    Browsers say where a request comes from; one that says nothing has to name our origin.
    """
    secret = request.cookies.get(NAME)
    if secret is None or request.method in _SAFE:
        return secret
    site = request.headers.get("Sec-Fetch-Site")
    ours = site in _OURS if site is not None else request.headers.get("Origin") == origin
    if not ours:
        raise PermanentError("cross-site", "a change is asked for from our own pages only")
    return secret
