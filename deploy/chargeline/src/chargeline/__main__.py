"""`chargeline`: the entry point."""

from __future__ import annotations


def main() -> None:
    """Run the command line; planned failures end in one sentence and an exit code."""
    from chargeline.cli import run

    run()


if __name__ == "__main__":
    main()
