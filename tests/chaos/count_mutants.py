"""The guards of counts (R21), each with the quick test that misses it."""

from __future__ import annotations

from chaos.mutant import HUNTRESS, LIFECYCLE, POSTER, Mutant

GUARDS = "tests/unit/ingest_huntress/test_guards.py"
OVERTAKEN = "tests/contract/ingest_huntress/test_overtaken.py"
LICENCES = "tests/unit/poster_halo/test_licences.py"
COUNTED = "tests/contract/poster_halo/test_counts.py"
FAULTS = "tests/contract/poster_halo/test_count_faults.py"

COUNTS = (
    Mutant(
        "count zero",
        f"{HUNTRESS}/domain/guards.py",
        "    if now == 0:\n",
        "    if now < 0:\n",
        test=f"{GUARDS}::test_21_a_fall_to_zero_is_held_today_and_tomorrow",
    ),
    Mutant(
        "count jump",
        f"{HUNTRESS}/domain/guards.py",
        "    if change > limits.jump_units and change > limits.jump_share * before:\n",
        "    if change < 0:\n",
        test=f"{GUARDS}::test_a_jump_is_more_than_the_share_and_more_than_the_units",
    ),
    Mutant(
        "organization vanished",
        f"{HUNTRESS}/domain/snapshot.py",
        "    for number in sorted((before.through.keys() & billed) - there, key=by_number):\n",
        "    for number in sorted((before.through.keys() & billed) & there - there):\n",
        test=f"{GUARDS}::test_11_an_organization_that_vanishes_is_held_and_counted",
    ),
    Mutant(
        "count a person held",
        f"{HUNTRESS}/domain/guards.py",
        "        if row.code is not None or row.organization not in billed or never:\n",
        "        if row.organization not in billed or never:\n",
        test=f"{GUARDS}::test_21_a_fall_to_zero_is_held_today_and_tomorrow",
    ),
    Mutant(
        "overtaken sync",
        f"{HUNTRESS}/syncing.py",
        "        if baseline.revision > command.revision:\n",
        "        if baseline.revision > command.revision + 1_000:\n",
        test=f"{OVERTAKEN}::test_a_sync_that_waited_while_a_later_one_read_changes_nothing",
    ),
    Mutant(
        "held part holds its sum",
        f"{LIFECYCLE}/counts.py",
        "        code=held.code if held else None,\n",
        "        code=None,\n",
        test="tests/unit/lifecycle/test_counts.py::test_r21_a_held_row_holds_its_clients_whole_sum",
    ),
    Mutant(
        "only changed counts",
        f"{POSTER}/domain/licences.py",
        """        outcome = "unchanged" if there.count == want.count else "updated"
""",
        """        outcome = "updated"
""",
        test=f"{COUNTED}::test_licences_are_made_then_only_changed_counts_are_written",
    ),
    Mutant(
        "licence read-back",
        f"{POSTER}/domain/licence_writes.py",
        "    if found is not None and count == row.count:\n",
        "    if found is not None:\n",
        test=f"{FAULTS}::test_an_uncertain_write_is_looked_for_before_it_is_repeated",
    ),
    Mutant(
        "other writer of a licence",
        f"{POSTER}/domain/licences.py",
        "    if others >= OTHERS_MAX:\n",
        "    if others > 1_000:\n",
        test=f"{COUNTED}::test_somebody_else_s_count_is_said_and_held_when_it_comes_again",
    ),
    Mutant(
        "lease before a licence write",
        f"{POSTER}/licence_writing.py",
        "        await self._job.guard()\n",
        "",
        test=f"{FAULTS}::test_whoever_lost_the_lease_writes_no_more",
    ),
    Mutant(
        "older counts over newer ones",
        f"{POSTER}/counting.py",
        "        if standing.revision > head.revision or not await writing.begin(head.revision):\n",
        "        if not await writing.begin(1_000_000):\n",
        test=f"{COUNTED}::test_older_counts_never_replace_newer_ones",
    ),
)
