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
    compare.add_argument("--fail-on", choices=("slower", "less-precise"), help="exit 1 where RUN_B is that anywhere")
    compare.add_argument(
        "--threshold", type=_factor, metavar="X", help="from which factor on; default: 1.05 slower, 2 less precise"
    )
    return top


def _factor(told: str) -> float:
    try:
        factor = float(told)
    except ValueError:
        factor = 0.0
    if not 1 < factor < 1e6:
        raise argparse.ArgumentTypeError(f"expected a factor above 1 and below a million, such as 1.1, got {told}")
    return factor


def _report(arguments: argparse.Namespace) -> tuple[list[str], int]:
    from gradiometer.analysis import frames
    from gradiometer.analysis.drawing import render
    from gradiometer.analysis.pool import pooled
    from gradiometer.analysis.report import build

    render.expect()
    folders = [frames.find(run, RESULTS) for run in arguments.runs] or [frames.newest(RESULTS)]
    loaded = frames.load(folders)
    return _written(build.write_report(pooled(loaded) if arguments.pool else loaded, arguments.out)), 0


def _compare(arguments: argparse.Namespace) -> tuple[list[str], int]:
    from gradiometer.analysis import frames, text
    from gradiometer.analysis.compare import comparison, gate, page
    from gradiometer.analysis.compare.statements import statements
    from gradiometer.analysis.wording.comparison import sections
    from gradiometer.storage.validate import StoreError

    if arguments.threshold and not arguments.fail_on:
        parser().error("--threshold says when --fail-on fails; give both")
    failing, threshold = gate.FAILURES.get(arguments.fail_on, (None, 1 + comparison.BAND))
    threshold = arguments.threshold or threshold
    band = threshold - 1 if arguments.fail_on != "less-precise" else comparison.BAND
    folders = [frames.find(run, RESULTS) for run in (arguments.run_a, arguments.run_b)]
    if folders[0].resolve() == folders[1].resolve():
        raise StoreError(f"{arguments.run_a}: expected two runs to compare, got one twice; name another")
    first, second = (frames.load([folder]) for folder in folders)
    compared = comparison.compare(first, second, band)
    said = [f"{heading}: {text.clean(it)}" for heading, of in sections(statements(compared)).items() for it in of]
    if failing and compared.cells["reason"].notna().all():
        raise StoreError(
            f"{arguments.run_b}: expected cells that {arguments.run_a} measured too, found none; --fail-on judges those"
        )
    failures = failing(compared, threshold) if failing else []
    if failures:
        said.append(f"B is {arguments.fail_on.replace('-', ' ')}: {text.listed(failures)}.")
    written = page.write_comparison(first, second, compared, arguments.out)
    return [*said, *_written(written)], 1 if failures else 0


def _written(paths: Sequence[Path]) -> list[str]:
    return [f"wrote {path}" for path in paths]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, 1 where `--fail-on` found something, or 2 with one line on stderr.

    The line says what was expected, what came and what to do.
    """
    arguments = parser().parse_args(argv)
    from gradiometer.storage.validate import StoreError

    try:
        said, status = {"report": _report, "compare": _compare}[arguments.command](arguments)
    except StoreError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        what = f"{error.filename or arguments.out}: {error.strerror or error}"
        print(f"error: {what}; give a folder that can be written with -o", file=sys.stderr)
        return 2
    try:
        print("\n".join(said))
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


if __name__ == "__main__":
    sys.exit(main())
