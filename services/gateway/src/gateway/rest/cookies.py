"""The session's cookie, and who may send it along: requests of our own pages only."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request, Response

from chassis.errors import PermanentError
from gateway.signin.devices import KNOWN_FOR
from gateway.signin.sessions import ABSOLUTE, HALF_OPEN

NAME = "__Host-chargeline"
ATTEMPT = "__Host-chargeline-oidc"  # a sign-in that is away at another firm
DEVICE = "__Host-chargeline-device"  # opens nothing: see gateway.signin.devices
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OURS = {"same-origin", "none"}


def set_session(answer: Response, secret: str) -> None:
    _set(answer, NAME, secret, ABSOLUTE)


def set_attempt(answer: Response, secret: str) -> None:
    """Until it comes back; lax, because the other firm sends it back."""
    _set(answer, ATTEMPT, secret, HALF_OPEN)


def set_device(answer: Response, secret: str) -> None:
    """It outlives the session."""
    _set(answer, DEVICE, secret, KNOWN_FOR)


def _set(answer: Response, name: str, secret: str, lasts: timedelta) -> None:
    """For this host alone, over https alone, out of reach of scripts."""
    answer.set_cookie(
        name,
        secret,
        max_age=int(lasts.total_seconds()),
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
    if not _from_ours(request, origin, unsaid=False):
        raise _cross_site()
    return secret


def refuse_other_sites(request: Request, origin: str) -> None:
    """Before there is a session: another site's page signs nobody in, as somebody else, or out.

    PermanentError `cross-site`. What is no browser says nothing of where it comes from.
    """
    if not _from_ours(request, origin, unsaid=True):
        raise _cross_site()


def _from_ours(request: Request, origin: str, *, unsaid: bool) -> bool:
    site, said = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in _OURS
    return said == origin if said is not None else unsaid


def _cross_site() -> PermanentError:
    return PermanentError("cross-site", "a change is asked for from our own pages only")
