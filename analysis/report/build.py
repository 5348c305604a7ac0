"""One page from runs: the answers, the figures, the tables, how it was measured. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import machines
from gradiometer.analysis.drawing import render
from gradiometer.analysis.frames import Frames, described
from gradiometer.analysis.insights import answers, findings
from gradiometer.analysis.insights.decision import decisions
from gradiometer.analysis.report import figure_selection, measurement, output, tables
from gradiometer.analysis.work import with_limits

OPEN_ROWS = 40
"""A table of at most so many rows is open when the page is; Markdown, which cannot close one, shows so many."""

FEWEST_ROWS = 20
"""What a table of one of many runs shows at least."""

MEASURED = ("time_s", "time_low_s", "time_high_s", "device_time_s", "ratio", "ratio_low", "ratio_high")
"""What of a refuted form's cells is no finding."""

MOST_CARDS = 3
"""Answers that the first screen has room for in full; more are rows of a table there, and in full below it."""

MOST_ANSWERS = 60
"""Answers that a page gives in full, over its runs; the others are a row of a table."""
MOST_FINDINGS = 60
"""Problem × wrt × configuration that a page has findings of, over its runs; more would not be read."""

Problems = dict[str, dict[str, Any]]


def write_report(frames: Frames, folder: Path) -> list[Path]:
    """Write report.html, report.md, tables/*.csv and figures/*.svg into `folder`; the paths of the pages.

    Raises OSError where the folder cannot be written.
    """
    for part in ("tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    several = len(frames.runs) > 1
    rows = max(tables.MOST_ROWS // (2 * len(frames.runs)), FEWEST_ROWS) if several else tables.MOST_ROWS
    shown = [_shown(frames.of_run(run["run_id"]), several) for run in frames.runs]
    figures = figure_selection.MOST_FIGURES
    plans = []
    for it in shown:
        plans.append(it.planned(figures))
        figures -= len(plans[-1].jobs)
    with render.drawing([job for plan in plans for job in plan.jobs]) as drawn:
        runs = []  # while others draw
        answers_left = MOST_ANSWERS
        for it in shown:
            runs.append(_section(it, folder / "tables", rows, answers_left))
            answers_left -= len(runs[-1]["answers"])
        _find(shown, runs)
        found = _machines(frames, folder)
        room = figure_selection.MOST_BYTES
        for run, plan in zip(runs, plans, strict=True):
            run["figures"], run["not_drawn"], room = figure_selection.placed(plan, drawn, folder / "figures", room)
    runs[0]["in_full"] = len(runs[0]["brief"]["it"].rows) <= MOST_CARDS
    context = {
        "title": f"Gradients measured: {output.named(frames)}",
        "runs": runs,
        "several": several,
        "machines": found,
        "words": measurement.WORDS,
        "most_findings": MOST_FINDINGS,
        "figures_most": figure_selection.MOST_FIGURES,
        "figures_most_bytes": f"{figure_selection.MOST_BYTES / 1e6:g} MB",
    }
    return output.write(folder, "report", context)


@dataclass(frozen=True)
class Shown:
    """One run as a page shows it: its tables, the cells in the problems' order with their limits, the problems as they
    are described, and what the names of its files begin with; `sound` and `scores` are without what refuted forms do.
    """

    frames: Frames
    cells: pd.DataFrame
    sound: pd.DataFrame
    scores: pd.DataFrame
    problems: Problems
    prefix: str

    def planned(self, room: int) -> figure_selection.Planned:
        """At most `room` figures of it."""
        return figure_selection.planned(self.frames.runs[0], self.sound, self.scores, self.problems, self.prefix, room)


def _shown(frames: Frames, several: bool) -> Shown:
    run, cells = frames.runs[0], frames.cells
    problems = described(run, "problems", cells["problem"])
    ordered = cells.sort_values("problem", key=lambda names: names.map(list(problems).index), kind="stable")
    prefix = f"{text.file_name(run['run_id'])}-" if several else ""
    limited = with_limits(ordered, run.get("peak_rates"))
    refuted = limited["status"] == "wrong"  # how fast a wrong gradient is, and how far off, is no finding
    sound = limited.assign(**{name: limited[name].mask(refuted) for name in MEASURED})
    sound["verdict"] = limited["verdict"] = decisions(sound)
    scores = frames.scores[~frames.scores["cell_id"].isin(limited.loc[refuted, "cell_id"])]
    return Shown(frames, limited, sound, scores, problems, prefix)


def _machines(frames: Frames, folder: Path) -> machines.Machines | None:
    found = machines.side_by_side(frames)
    if found:
        for table in found.tables:
            output.write_csv(folder / "tables" / f"{table.name}.csv", table)
        if found.drawn:
            (folder / "figures" / found.drawn.file).write_text(found.drawn.svg, "utf-8")
    return found


def _section(shown: Shown, folder: Path, rows: int, in_full: int) -> dict[str, Any]:
    """All that the page says of one run but its findings and figures, `in_full` answers among it; its tables, of at
    most so many `rows`, are written.
    """
    frames, cells, problems = shown.frames, shown.sound, shown.problems
    run = frames.runs[0]
    answered = answers.answers(cells, shown.scores, frames.derivations, in_full)
    made = _tables(shown, answered, folder, rows)
    return {
        "run_id": str(run["run_id"]),
        "name": text.short(run.get("label") or run["run_id"], 80),
        "on": output.on_what(frames),
        "where": list(dict.fromkeys(it.where for it in answered)),
        "state": str(run.get("state", "unknown")),
        "command": str(run.get("command") or "the command was not recorded"),
        "summary": [*findings.coverage(cells), findings.derivations(frames.derivations)],
        "answers": [{"label": problems[it.problem]["label"], "it": it} for it in answered[:in_full]],
        "in_full": False,
        "brief": made.pop("answers"),
        "failures": made.pop("failures"),
        "tables": list(made.values()),
        "quality": [measurement.interference(frames.segments), measurement.clock(run.get("clock"))],
        "facts": measurement.facts(run, cells, problems),
    }


def _find(shown: list[Shown], runs: list[dict[str, Any]]) -> None:
    """Add to the `runs` each problem's label and what was found of it, wrt by wrt, while there is room on the page."""
    room = MOST_FINDINGS
    for it, run in zip(shown, runs, strict=True):
        found = findings.findings(it.sound, it.scores, it.frames.derivations, room)
        of_problem: dict[str, list[findings.Finding]] = {}
        for finding in found:
            of_problem.setdefault(finding.problem, []).append(finding)
        run["findings"] = [{"label": it.problems[name]["label"], "found": them} for name, them in of_problem.items()]
        run["not_found"] = it.cells.groupby(findings.OF_SERIES, sort=False).ngroups - len(found)
        room -= len(found)


def _tables(shown: Shown, answered: list[answers.Answer], folder: Path, most: int) -> dict[str, dict[str, Any]]:
    """Name → table of at most so many rows, whether it is open, and its first rows; each written as CSV."""
    frames, cells = shown.frames, shown.sound
    made = {
        "answers": _brief(answered, shown.problems),
        "derivations": tables.derivations(frames.derivations),
        "explained": tables.explained(cells),
        "crossovers": tables.crossovers(cells),
        "exponents": tables.exponents(cells),
        "local_exponents": tables.local_exponents(cells),
        "preparing_pays": tables.preparing(cells),
        "cells": tables.all_cells(shown.cells, frames.scores),
        "failures": tables.failures(cells),
    }
    written = {}
    for name, table in made.items():
        it = table.renamed(f"{shown.prefix}{table.name}").head(most)
        output.write_csv(folder / f"{it.name}.csv", it)
        written[name] = {"it": it, "open": len(it.rows) <= OPEN_ROWS, "short": it.head(OPEN_ROWS)}
    return written


def _brief(answered: list[answers.Answer], problems: Problems) -> tables.Table:
    """The answers, a row each."""
    several = len({it.where for it in answered}) > 1
    rows = [
        {"problem": problems[it.problem]["label"]} | ({"where": it.where} if several else {}) | it.brief
        for it in answered
    ]
    frame = pd.DataFrame(rows).head(tables.MOST_ROWS)
    return tables.Table(
        "answers", "Answers", "", list(frame.columns), frame.astype(str).values.tolist(), pd.DataFrame(rows)
    )
