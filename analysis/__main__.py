"""`python -m analysis report | compare`: run folders to pages. Heavy imports wait until the arguments are right."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path("results")


def parser() -> argparse.ArgumentParser:
    """The command line; bad usage exits 2."""
    top = argparse.ArgumentParser(prog="python -m analysis", description="Reads run folders, writes pages and tables.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="one page from one or more runs: findings, figures, tables")
    report.add_argument(
        "runs", nargs="*", metavar="RUN", help="a run folder, or its name under results/; else the newest there"
    )
    report.add_argument(
        "-o", dest="out", type=Path, default=RESULTS / "report", metavar="DIR", help="default: %(default)s"
    )
    report.add_argument(
        "--pool", action="store_true", help="runs of one study on one machine count as one run of more processes"
    )

    compare = commands.add_parser("compare", help="two machines, or two versions, cell by cell")
    compare.add_argument("run_a", metavar="RUN_A", help="a run folder, or its name under results/")
    compare.add_argument("run_b", metavar="RUN_B", help="the same; ratios are of its times over RUN_A's")
    compare.add_argument(
        "-o", dest="out", type=Path, default=RESULTS / "compare", metavar="DIR", help="default: %(default)s"
    )
    return top


def _report(arguments: argparse.Namespace) -> list[Path]:
    from analysis import frames, report
    from analysis.pool import pooled

    folders = [frames.find(run, RESULTS) for run in arguments.runs] or [frames.newest(RESULTS)]
    loaded = frames.load(folders)
    return report.write_report(pooled(loaded) if arguments.pool else loaded, arguments.out)


def _compare(arguments: argparse.Namespace) -> list[Path]:
    from analysis import compare, frames

    first, second = (frames.load([frames.find(run, RESULTS)]) for run in (arguments.run_a, arguments.run_b))
    compared = compare.compare(first, second)
    print("\n".join(compare.summary(compared)))
    return compare.write_comparison(first, second, compared, arguments.out)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 with one line on stderr that says what was expected, what came and what to do."""
    arguments = parser().parse_args(argv)
    from bench.store import StoreError

    try:
        written = {"report": _report, "compare": _compare}[arguments.command](arguments)
    except StoreError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        what = f"{error.filename or arguments.out}: {error.strerror or error}"
        print(f"error: {what}; give a folder that can be written with -o", file=sys.stderr)
        return 2
    try:
        for path in written:
            print(f"wrote {path}")
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
