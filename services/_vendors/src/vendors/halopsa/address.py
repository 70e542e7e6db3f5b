"""Where a tenant's HaloPSA answers, from whatever a person typed or pasted."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from chassis.errors import PermanentError

_LABEL = re.compile(r"(?!-)[^\W_]([\w-]{0,61}[^\W_])?", re.UNICODE)
_USER = re.compile(r"[^/\s]*@")  # it may be a password, and the sentence is kept
_API = re.compile(r"/(api|auth)(/.*)?$", re.IGNORECASE)


def halo_url(typed: str, *, sandbox: bool = False) -> str:
    """`acme`, `acme.halopsa.com/portal`, `https://help.acme.com/` … → `https://<host>`.

    A sandbox keeps its scheme and its path, which is where it is mounted.
    """
    text = typed.strip().strip("<>\"'")
    if not text:
        raise PermanentError("vendor-address", "no HaloPSA address is set")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as odd:
        raise _unusable(typed, str(odd)) from odd
    if parts.scheme.lower() not in {"https", "http"}:
        raise _unusable(typed, f"{parts.scheme} is not a web address")
    if parts.username is not None or parts.password is not None:
        raise _unusable(typed, "an address holds no user name or password")
    if sandbox:
        where = f"{host}:{port}" if port else host
        return f"{parts.scheme.lower()}://{where}{_API.sub('', parts.path).rstrip('/')}"
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _unusable(typed, "that is no host name")
    if len(labels) == 1 and host != "localhost":
        host = f"{host}.halopsa.com"
    return f"https://{host}" + (f":{port}" if port not in (None, 80, 443) else "")


def _unusable(typed: str, why: str) -> PermanentError:
    return PermanentError(
        "vendor-address",
        f"{_USER.sub('', typed)!r} is not a HaloPSA address ({why}): use https://<name>.halopsa.com",
    )
