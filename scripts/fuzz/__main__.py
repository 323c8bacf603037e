"""`python -m fuzz`: every attack, and the table of what became of it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes side by side, forked from this one
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from fuzz.base import Attack, Attempt, Result
from fuzz.campaign import ATTACKS, chosen
from fuzz.driver import run_attack
from fuzz.kept import Kept
from fuzz.table import PAGE, table, write_into
from fuzz.world import make_world


def main() -> int:
    """Run the attacks; 1 where an attempt fell."""
    options = _options()
    results: list[Result] = []
    kept = None if options.keep is None else Kept(options.keep)
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=options.folder) as folder:
        world = make_world(Path(folder))
        for kind in chosen(options.only):
            count = max(1, round(kind.count * options.share))
            seeds = range(options.seed, options.seed + count)
            left = seeds if kept is None else kept.left(kind, seeds)

            def done(attempt: Attempt, kind: type[Attack] = kind) -> None:
                _show(attempt)
                if kept is not None:
                    kept.add(kind, attempt)

            result = run_attack(kind(world), left, options.jobs, done)
            results.append(result if kept is None else kept.result(kind, result.not_here))
            print(_line(results[-1]), flush=True)
    text = table(results, options.seed)
    print(text)
    if options.write:
        write_into(PAGE, text)
    return int(any(result.failed for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    names = ", ".join(kind.name for kind in ATTACKS)
    parser.add_argument("--only", metavar="A,B,...", help=f"Attacks to run: {names}. Default: all.")
    parser.add_argument("--share", type=float, default=1.0, help="Share of the attempts.")
    parser.add_argument("--seed", type=int, default=0, help="First seed; others follow it.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="Processes at once.")
    parser.add_argument("--folder", type=Path, help="Where to work. Default: the temporary folder.")
    parser.add_argument(
        "--keep",
        metavar="FILE",
        type=Path,
        help="Keep attempts there, and make none again that it has, unless it fell.",
    )
    parser.add_argument(
        "--write", action="store_true", help=f"Write the table into {PAGE.name} as well."
    )
    return parser.parse_args()


def _show(attempt: Attempt) -> None:
    if attempt.fell is not None:
        print(f"  seed {attempt.seed} fell: {attempt.fell}", file=sys.stderr, flush=True)


def _line(result: Result) -> str:
    title = result.attack.title
    if result.not_here is not None:
        return f"{title}: not tried ({result.not_here})"
    outcomes = ", ".join(f"{n:,} {name}" for name, n in result.outcomes.items())
    return f"{title}: {len(result.attempts):,} tried, {len(result.failed):,} fell; {outcomes}"


if __name__ == "__main__":
    sys.exit(main())
