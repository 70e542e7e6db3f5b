"""Why a document's lines can not be had from its pages, and what to do about it."""

from __future__ import annotations

UNREADABLE = "document-unreadable"
ALTERED = "raw-altered"
CORRECT = "have Pax8 correct it, read it again"
RESTORE = "restore the data folder from a backup"


class Unreadable(Exception):  # noqa: N818 - becomes a problem of the document
    """A page that is no list of charges, or not any more what was read."""

    def __init__(self, text: str, code: str = UNREADABLE, way: str = CORRECT) -> None:
        super().__init__(f"{text}. Nothing of this document is planned: {way}")
        self.code = code
