"""Takes the guards away, one at a time, in a copy of the tree: `make mutants`.

A guard that nothing misses is no guard, or nothing tests it. Each mutant names the histories that
must go red without it; the first red one ends the search and must name a line. Seeded histories
are searched seed by seed; of the drawn ones (`test_machine.py`) as many are drawn as `seeds` says.
Guards of counts and of the gateway each name a quick test instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from chaos.count_mutants import COUNTS
from chaos.mutant import CHASSIS, INGEST, LIFECYCLE, NORMALIZER, POSTER, Mutant
from chaos.security_mutants import SECURITY

TREE = Path(__file__).parents[2]
MACHINE = "tests/chaos/test_machine.py"
COPIED = ("schemas", "services", "deploy", "tests", "docs")
LINE = re.compile(r"line_[0-9a-f]{8,}|[0-9a-f]{8}/(?:#\d+|[0-9a-f-]{36}|azure of \S+)|lines? \d+")
WRONG = re.compile(r"seed \d+: (lost|doubled|unbalanced)")
STANDS = re.compile(r"AssertionError: \(\[|chaos\.drive\.Stuck")  # wrong, or nothing comes of it
TIMEOUT_S = 120
DRAWN_TIMEOUT_S = 600
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(TREE / "pyproject.toml"))
HISTORIES = 30

MUTANTS = (
    Mutant(
        "look before repeat",
        f"{POSTER}/writing.py",
        """            await self._put(work, part.model_copy(update={"text": unknown.text}))
            raise JobWaits(self._look.settings.halopsa.settle_s, unknown.text) from unknown
""",
        """            await self._put(work, part.model_copy(update={"text": unknown.text}))
            ext = await self._send(work, operation, writer, fresh)
""",
        "simulated",
        range(1, 40),
    ),
    Mutant(
        "stored before published",
        f"{CHASSIS}/embedded/bus.py",
        """            return await self._executor.write(
                work, lambda done: self._wake(slots) if done else None
            )
""",
        """            done = await self._executor.write(update)
            if done:
                await self.publish(messages)
            return done
""",
        "simulated",
        range(1, 40),
    ),
    Mutant(
        "unique line id",
        f"{INGEST}/domain/identity.py",
        """        return f"{name}#{ordinal}"
""",
        """        return name
""",
        "simulated",
        range(1, 60),
    ),
    Mutant(
        "one writer",
        f"{CHASSIS}/embedded/lock.py",
        """            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
""",
        """            fcntl.flock(self._file, fcntl.LOCK_UN)
""",
        "real",
        range(30, 60, 3),
    ),
    Mutant(
        "foreign-line round trip",
        f"{POSTER}/translate.py",
        """            if change is None:
                lines.append(row)
""",
        """            if change is None:
                names = ("id", "qty_order", "unit_price", "item_shortdescription", "comment_2")
                lines.append({name: row[name] for name in names if name in row})
""",
        "simulated",
        range(1, 40),
    ),
    Mutant(
        "read-back compare",
        f"{POSTER}/domain/compare.py",
        """        if len(there) == 1 and there[0].amounts == want.amounts:
            continue
""",
        """        del result.found[want.id]
        continue
""",
        "noticed",
        range(10, 60, 10),
    ),
    Mutant(
        "page completeness",
        f"{INGEST}/domain/document.py",
        """        return self.promised != (self.rows,)
""",
        """        return False
""",
        "noticed",
        (40, 100, 160),
    ),
    Mutant(
        "identity basis",
        f"{INGEST}/domain/identity.py",
        """    return "ids" if all(ids) and len(set(ids)) == len(ids) else "fields"
""",
        """    return "ids" if all(ids) else "fields"
""",
        "simulated",
        range(1, 60),
    ),
    Mutant(
        "slot replace",
        f"{POSTER}/domain/recurring.py",
        """        if one.ext not in taken and one.ext not in kept and one.line not in wanted
""",
        """        if one.ext in taken and one.ext in kept
""",
        "simulated",
        range(1, 60),
    ),
    Mutant(
        "moved",
        f"{POSTER}/group_run.py",
        """        return plan.hash == record.hash or plan.own_hash == record.own_hash
""",
        """        return True
""",
        "noticed",
        (50, 110, 170),
        (
            "            assert operation.digest in work.record.operations",
            "            assert operation.digest",
        ),
    ),
    Mutant(
        "currency check",
        f"{LIFECYCLE}/clients.py",
        """    if theirs != currency:
""",
        """    if not theirs:
""",
        "simulated",
        range(1, 60),
    ),
    Mutant(
        "collapse membership",
        f"{NORMALIZER}/decide.py",
        """            rows.append(merged)
            open_rows.append(merged)
""",
        """            rows.append(merged)
            open_rows += [merged, *azure_rows]
""",
        "simulated",
        range(1, 20),
    ),
)

# What the seeded histories miss, the drawn ones must miss, too: Hypothesis finds its own way there.
DRAWN = tuple(
    replace(m, guard=f"{m.guard}, drawn", kind="drawn", seeds=(HISTORIES,))
    for m in MUTANTS
    if m.guard == "stored before published"
)
EVERY = (*MUTANTS, *DRAWN, *COUNTS, *SECURITY)


def main() -> int:
    """0 only when every guard is missed."""
    asked = " ".join(sys.argv[1:])
    chosen = [m for m in EVERY if asked in m.guard]
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        found = list(pool.map(lambda m: judged(m, Path(folder)), chosen))
    width = max(len(m.guard) for m in chosen)
    for mutant, (is_killed, by, why) in zip(chosen, found, strict=True):
        print(f"{mutant.guard:{width}}  {'killed' if is_killed else 'SURVIVED'}  {by:14}  {why}")
    killed = sum(one[0] for one in found)
    print(f"mutants={len(chosen)} killed={killed}")
    return 0 if killed == len(chosen) else 1


def judged(mutant: Mutant, folder: Path) -> tuple[bool, str, str]:
    """Whether it was killed, by what, and the sentence that names a line."""
    tree = folder / mutant.guard.replace(" ", "-")
    for name in COPIED:
        shutil.copytree(TREE / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    without = without_guard(mutant)
    if without is None:
        return False, "nothing", f"the guard does not stand once in {mutant.file}"
    (tree / mutant.file).write_text(without, encoding="utf-8")
    if mutant.test:
        return _tested(tree, mutant.test)
    said = ""
    for seed in mutant.seeds:
        code, said = _played(tree, mutant.kind, seed)
        wrong = [text for text in said.splitlines() if _tells(mutant.kind, text)]
        if code == 1 and wrong:
            return True, f"{mutant.kind} {seed}", wrong[0].partition(": ")[2][:110]
    return False, f"{len(mutant.seeds)} {mutant.kind}", (said.splitlines() or ["no word"])[-1][:110]


def _tells(kind: str, text: str) -> bool:
    if kind == "drawn":
        return STANDS.search(text) is not None
    return LINE.search(text) is not None and WRONG.search(text) is not None


def without_guard(mutant: Mutant) -> str | None:
    """Its file without the guard; None when the guard does not stand there exactly once."""
    text = (TREE / mutant.file).read_text(encoding="utf-8")
    for old, new in ((mutant.old, mutant.new), *((mutant.also,) if mutant.also else ())):
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text


def _played(tree: Path, kind: str, seed: int) -> tuple[int, str]:
    """One history of the mutated tree, in a process of its own; or so many drawn ones."""
    if kind == "drawn":
        given = {"HISTORIES": str(seed), "SHORTEN": "0"}
        return _run(tree, [*PYTEST, "--timeout=0", MACHINE], DRAWN_TIMEOUT_S, given)
    return _run(tree, ["-m", "chaos.run", "--seed", str(seed), "--as", kind])


def _tested(tree: Path, test: str) -> tuple[bool, str, str]:
    """A failing test kills; one that can not be run does not."""
    code, said = _run(tree, [*PYTEST, "-x", test])
    failed = [text for text in said.splitlines() if text.startswith("E  ")]
    last = (said.splitlines() or ["no word"])[-1]
    return (
        code == 1,
        "test",
        f"{test.rpartition('::')[2]}: {(failed or [last])[0][1:].strip()}"[:110],
    )


def _run(
    tree: Path,
    words: list[str],
    timeout_s: float = TIMEOUT_S,
    given: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str]:
    """A Python process over the mutated tree: its exit code and what it said."""
    command = [sys.executable, *words, *(("--rootdir", str(tree)) if "pytest" in words else ())]
    environment = {
        **given,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in _sources(tree)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        ended = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 2, "it did not end"
    return ended.returncode, ended.stdout + ended.stderr


def _sources(tree: Path) -> Iterator[Path]:
    yield tree / "tests"
    yield tree / "schemas" / "src"
    yield from sorted((tree / "services").glob("*/src"))
    yield tree / "deploy" / "chargeline" / "src"


if __name__ == "__main__":
    sys.exit(main())
