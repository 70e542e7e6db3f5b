"""Huntress sign-in: a public key and a secret with every call (HTTP Basic)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from pydantic import SecretStr

# Live keys start so; keys without are tried all the same (huntress.md 2).
PUBLIC, SECRET = "hk_", "hs_"
_INSTALLATION_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class HuntressCredentials:
    """The two halves of an API credential, as pasted: blanks and line ends around them are cut."""

    public_key: str
    secret_key: SecretStr

    def authorization(self) -> str:
        """The header's value."""
        both = f"{self.public_key.strip()}:{self.secret_key.get_secret_value().strip()}"
        return "Basic " + base64.b64encode(both.encode()).decode()

    def hints(self) -> list[str]:
        """What is odd about the keys, in sentences. None of it proves that they are wrong."""
        public, secret = self.public_key.strip(), self.secret_key.get_secret_value().strip()
        if public.startswith(SECRET) or secret.startswith(PUBLIC):
            return ["the public key and the secret seem to be exchanged"]
        if self.may_be_installation_key():
            return ["this looks like the agents' installation key, which is no API credential"]
        found = []
        if not public.startswith(PUBLIC):
            found.append(f"a public key usually starts with {PUBLIC}")
        if not secret.startswith(SECRET):
            found.append(f"a secret usually starts with {SECRET}")
        return found

    def may_be_installation_key(self) -> bool:
        """The account's key for installing agents: 32 hex digits, where an API key should be."""
        public, secret = self.public_key.strip(), self.secret_key.get_secret_value().strip()
        if public.startswith(PUBLIC) and secret.startswith(SECRET):
            return False
        return any(_INSTALLATION_KEY.fullmatch(half.lower()) for half in (public, secret))
