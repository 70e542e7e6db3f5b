"""What people type, described so that every reader of the OpenAPI document means the same by it.

A pattern's `\\s` and a trimmed length mean other characters to Python, Rust and JavaScript; these
patterns name the characters instead.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

_SEEN = r"[!-~\u00a1-\u167f\u2c00-\u2dff\u3040-\ud7ff]"

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_SEEN)
]
"""A name of at least one sign that can be seen; blanks around it are dropped."""

Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+$")]
"""An address in ASCII; another host name in the form that the mail's own rules have for it."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]

Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z -]{6,40}$")]
"""A code of an app or a recovery code, as people copy it."""
