"""The verbs `report` and `compare`, which turn run folders into pages. Heavy imports wait until the usage is right."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

RESULTS = Path("results")

AddVerb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_verbs(verb: AddVerb) -> None:
    """Add `report` and `compare` to a command line; `verb(name, action, help)` adds one verb."""
    report = verb("report", _report, "write one page from one or more runs")
    report.add_argument(
        "runs", nargs="*", metavar="RUN", help="a run folder, or its name in results/; default: the newest run"
    )
    report.add_argument(
        "-o", dest="out", type=Path, default=RESULTS / "report", metavar="DIR", help="default: %(default)s"
    )
    report.add_argument(
        "--pool", action="store_true", help="combine runs of one study on one machine into one run of more processes"
    )

    compare = verb("compare", _compare, "compare two machines or two versions, cell by cell")
    compare.add_argument("run_a", metavar="RUN_A", help="a run folder, or its name in results/")
    compare.add_argument("run_b", metavar="RUN_B", help="the same; ratios are RUN_B's times divided by RUN_A's")
    compare.add_argument(
        "-o", dest="out", type=Path, default=RESULTS / "compare", metavar="DIR", help="default: %(default)s"
    )
    compare.add_argument("--fail-on", choices=("slower", "less-precise"), help="exit 1 if RUN_B is that anywhere")
    compare.add_argument(
        "--threshold",
        type=_factor,
        metavar="X",
        help="smallest factor that fails; default: 1.05 slower, 2 less-precise",
    )


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1 < factor < 1e6:
        raise argparse.ArgumentTypeError(f"expected a factor above 1 and below a million, such as 1.1, found {text}")
    return factor


def _report(arguments: argparse.Namespace) -> int:
    from gradiometer.analysis import frames
    from gradiometer.analysis.drawing import render
    from gradiometer.analysis.pool import pooled
    from gradiometer.analysis.report import build

    render.expect()
    folders = [frames.find(run, RESULTS) for run in arguments.runs] or [frames.newest(RESULTS)]
    loaded = frames.load(folders)
    _print_written(build.write_report(pooled(loaded) if arguments.pool else loaded, arguments.out))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from gradiometer.analysis import frames, text
    from gradiometer.analysis.compare import comparison, gate, page
    from gradiometer.analysis.compare.statements import statements
    from gradiometer.analysis.wording.comparison import sections
    from gradiometer.storage.validate import StoreError

    if arguments.threshold and not arguments.fail_on:
        arguments.usage_error("--threshold requires --fail-on")
    failing, threshold = gate.FAILURES.get(arguments.fail_on, (None, 1 + comparison.BAND))
    threshold = arguments.threshold or threshold
    band = threshold - 1 if arguments.fail_on != "less-precise" else comparison.BAND
    folders = [frames.find(run, RESULTS) for run in (arguments.run_a, arguments.run_b)]
    if folders[0].resolve() == folders[1].resolve():
        raise StoreError(f"{arguments.run_a}: expected two different runs, found the same run twice; name another")
    first, second = (frames.load([folder]) for folder in folders)
    compared = comparison.compare(first, second, band)
    summary = [f"{heading}: {text.clean(it)}" for heading, of in sections(statements(compared)).items() for it in of]
    if failing and compared.cells["reason"].notna().all():
        raise StoreError(
            f"{arguments.run_b}: expected cells that {arguments.run_a} measured too, found none; --fail-on judges those"
        )
    failures = failing(compared, threshold) if failing else []
    if failures:
        summary.append(f"B is {arguments.fail_on.replace('-', ' ')}: {text.listed(failures)}.")
    written = page.write_comparison(first, second, compared, arguments.out)
    print("\n".join(summary))
    _print_written(written)
    return 1 if failures else 0


def _print_written(paths: Sequence[Path]) -> None:
    print("\n".join(f"wrote {path}" for path in paths))
