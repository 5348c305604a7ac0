"""One page from runs: what they show, the figures, the tables, how it was measured. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis import findings, launches, pages, tables, text
from analysis.figures import FIGURES, render
from analysis.frames import CONFIGURATION, Frames, described, flatten, methods_of
from analysis.work import with_limits

FACTS = {
    "machine": "Machine",
    "versions": "Versions",
    "study": "Study, as frozen",
    "ceilings": "Ceilings of the machine, as measured",
    "numerics_in_force": "Numerics in force, by device and case",
    "clock": "Where the time went",
}
OPEN_ROWS = 40
"""A table of at most so many rows is open when the page is; Markdown, which cannot close one, shows so many."""
LONGEST_FACT = 400

WORDS = {
    "wrt": "the input, or inputs together, that the loss is differentiated with respect to",
    "form": "a gradient derived by hand (textbook: in the derivation's own order of operations)",
    "method": "any way to the gradient: a form, or one of PyTorch's",
    "case": "problem × wrt × dimensions × dtype × device × threads × numerics × cache, with the same input bits for "
    "every method",
    "cell": "case × method",
    "ratio": "a method's time over autograd's, paired within rounds of the same process; below 1 is faster",
    "interval": "95 %, Student's t over processes, its variance moderated by the whole run's (Smyth 2004), for each "
    "cell by itself; one process alone: over its segments",
    "speed-up": "autograd's time over the method's: the ratio upside down",
    "segment": "a stretch of a measurement between two rebuilds of the timed callables",
    "disturbed": "something else on the machine showed during the segment; it is marked, kept and counted",
    "relative error": "‖g − g*‖/‖g*‖ in the Frobenius norm; g* is the loss's derivative in exact arithmetic at the "
    "same rounded inputs (`integer` or `ball`, with a proved radius), or, so marked, autograd in float64",
    "B": "the sum of the absolute values of the terms of each entry; κ = ‖B‖/‖g*‖ says how much they cancel",
    "u": "unit roundoff of the dtype, 2⁻ᵖ: the largest relative error of rounding one number to nearest",
    "launch-bound": "on a device with a clock of its own: a call waits for the host to launch its kernels, so that its "
    f"wall-clock time exceeds its device time by more than a factor {launches.LAUNCH_BOUND}",
    "flops": "each multiply and each add of a call counts one, a transcendental too; counted, not measured",
    "limit": "the least time that a call's flops, or reading its inputs and writing its gradient once, take at the "
    "rates of a large matrix product and of a copy on the same machine, whichever is longer",
    "overhead": "what a call takes before any work counts: t = overhead + cost × work, fitted over the sizes",
    "gulf": f"a form takes more than {findings.GULF:g} times as long as autograd",
}


def write_report(frames: Frames, folder: Path) -> list[Path]:
    """Write report.html, report.md, tables/*.csv and figures/*.svg into `folder`; the paths of the pages.

    Raises OSError where the folder cannot be written.
    """
    for part in ("tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    runs = [_section(frames.of_run(run["run_id"]), folder, len(frames.runs) > 1) for run in frames.runs]
    return pages.write(
        folder, "report", {"title": f"Gradients measured: {pages.named(frames)}", "runs": runs, "words": WORDS}
    )


def _section(frames: Frames, folder: Path, prefixed: bool) -> dict[str, Any]:
    """All that the page says of one run; its figures and tables are written on the way."""
    run, cells = frames.runs[0], frames.cells
    prefix = f"{text.file_name(run['run_id'])}-" if prefixed else ""
    problems = described(run, "problems", cells["problem"])
    ordered = cells.sort_values("problem", key=lambda names: names.map(list(problems).index), kind="stable")
    ordered = with_limits(ordered, run.get("ceilings"))
    return {
        "name": text.short(run.get("label") or run["run_id"], 80),
        "label": run.get("label"),
        "on": pages.on_what(frames),
        "state": str(run.get("state", "unknown")),
        "command": str(run.get("command") or "the command was not recorded"),
        "summary": [findings.coverage(cells), findings.derivations(frames.derivations)],
        "findings": [
            {"title": f"{problems[it.problem]['label']}: {it.wrt}", "where": it.where, "sentences": it.sentences}
            for it in findings.findings(ordered, frames.errors, frames.derivations)
        ],
        "figures": _figures(run, ordered, frames.errors, problems, folder / "figures", prefix),
        "tables": [
            {"it": it, "open": len(it.rows) <= OPEN_ROWS, "short": it.head(OPEN_ROWS)}
            for it in _tables(ordered, frames, folder, prefix)
        ],
        "quality": [findings.disturbance(frames.segments), findings.clock(run.get("clock"))],
        "facts": _facts(run, cells, problems),
    }


def _tables(cells: pd.DataFrame, frames: Frames, folder: Path, prefix: str) -> list[tables.Table]:
    made = [
        tables.derivations(frames.derivations),
        tables.failures(cells),
        tables.explained(cells),
        tables.crossovers(cells),
        tables.exponents(cells),
        tables.local_exponents(cells),
        tables.preparing(cells),
        tables.all_cells(cells, frames.errors),
    ]
    named = [table.renamed(f"{prefix}{table.name}") for table in made]
    for table in named:
        pages.write_csv(folder / "tables" / f"{table.name}.csv", table)
    return named


def _figures(
    run: dict[str, Any],
    cells: pd.DataFrame,
    errors: pd.DataFrame,
    problems: dict[str, dict[str, Any]],
    folder: Path,
    prefix: str,
) -> list[dict[str, Any]]:
    """Every figure of every problem in every configuration, written as SVG; those with nothing to draw are left out."""
    methods = methods_of(run, cells)
    jobs: list[render.Job] = []
    for (first, *configured), part in cells.groupby(["problem", *CONFIGURATION], sort=False):
        problem = str(first)
        several = cells.loc[cells["problem"] == problem, CONFIGURATION].drop_duplicates().shape[0] > 1
        where = "-".join(map(str, configured)) if several else ""
        for figure in FIGURES:
            frame = figure.frame(part, errors)
            if frame.empty:
                continue
            title = " · ".join(filter(None, (problems[problem]["label"], figure.title, where)))
            stem = text.file_name(f"{prefix}{figure.name}-{problem}{'-' if where else ''}{where}")
            jobs.append(render.Job(figure.name, frame, methods, stem, title))
    drawn = render.drawn(jobs)
    for it in drawn:
        (folder / it.file).write_text(it.svg, "utf-8")
    return [vars(it) | {"svg": Markup(it.svg)} for it in drawn]


def _facts(run: dict[str, Any], cells: pd.DataFrame, problems: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Heading → name → value, of what run.json says of the run."""
    facts = {heading: flatten(run[name]) for name, heading in FACTS.items() if run.get(name)}
    facts["Problems"] = {name: _described(entry) for name, entry in problems.items()}
    facts["Methods"] = {name: _described(entry) for name, entry in methods_of(run, cells).items()}
    return {
        heading: {name or "value": text.short(value, LONGEST_FACT) for name, value in rows.items()}
        for heading, rows in facts.items()
    }


def _described(entry: dict[str, Any]) -> str:
    return "; ".join(str(entry[key]) for key in ("label", "family", "source", "file", "source_hash") if entry.get(key))
