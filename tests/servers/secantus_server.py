"""SecantusDB, run as a script, that remembers fewer writes for their retries.

It looks through all that it remembers, up to 10,000, at each write: milliseconds, and whatever runs
on it then waits for the test's store. A driver retries within seconds, so a few hundred do.
"""

from __future__ import annotations

import sys

from secantus import cli, transactions

REMEMBERED = 500


def main() -> int:
    """Its own command line, with that one number changed."""
    if not hasattr(transactions, "_RETRYABLE_RECORD_MAX"):
        raise SystemExit("SecantusDB has another name for how many writes it remembers")
    transactions._RETRYABLE_RECORD_MAX = REMEMBERED
    return int(cli.main())


if __name__ == "__main__":
    sys.exit(main())
