"""Which failures mean that nothing was done at all: exit code 4."""

from __future__ import annotations

# Settings, credentials, addresses, the folder, no yes.
_CODES = frozenset(
    {
        "settings-file",
        "manual-and-automatic",
        "data-folder-missing",
        "data-folder-unusable",
        "port-taken",
        "nothing-to-apply",
        "nothing-to-undo",
        "parked-missing",
        "discard-unexplained",
        "job-unknown",
        "run-applying",
        "settings-missing",
        "store-newer",
        "needs-yes",
        "data-folder-in-use",
        "run-unknown",
        "run-not-there",
        "line-unknown",
        "servers-missing",
        "vault-one-key",
        "trace-unknown",
        "document-unknown",
        "count-not-held",
        "count-day",
        "count-day-passed",
        "sync-unknown",
        "schedule-refused",
        "only-embedded",
        "explain-elsewhere",
        "api-key-missing",
        "gateway-address",
        "not-signed-in",
        "not-allowed",
        "environment",
    }
)
_ENDINGS = ("-login", "-unreachable", "-credentials-missing", "-address", "-token-refused")


def is_refusal(code: str) -> bool:
    """True for a failure before anything was done."""
    return code in _CODES or code.endswith(_ENDINGS)
