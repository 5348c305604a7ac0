"""One page from one or more runs: the answers, the details, the figures, the tables, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradiometer.analysis import text
from gradiometer.analysis.compare import machines
from gradiometer.analysis.drawing import render
from gradiometer.analysis.frames import Frames, described
from gradiometer.analysis.insights.insight import Insight
from gradiometer.analysis.insights.overview import rows_of
from gradiometer.analysis.insights.questions import insights
from gradiometer.analysis.insights.view import RIGHT, View, view_of
from gradiometer.analysis.report import figure_selection, measurement, output, tables
from gradiometer.analysis.wording.cards import cards
from gradiometer.analysis.wording.run import RUN, statements

OPEN_ROWS = 40
"""A table of at most this many rows is open when the page loads. Markdown shows this many rows of every table."""

FEWEST_ROWS = 20
"""Rows that every table of one of many runs may show."""

MOST_CARDS = 3
"""Cards that fit the first screen. A run with more problems has a table there, and its cards further down."""

MOST_DETAILED = 60
"""Cards of a page, over its runs. The tables cover the other problems."""

Problems = dict[str, dict[str, Any]]


def write_report(frames: Frames, folder: Path) -> list[Path]:
    """Write report.html, report.md, tables/*.csv and figures/*.svg into `folder`; return the paths of the pages.

    Files of an earlier report in `folder` are removed, others are kept. Raises OSError if `folder` cannot be written.
    """
    with output.Output(folder, "report") as out:
        return _write(frames, out)


def _write(frames: Frames, out: output.Output) -> list[Path]:
    several = len(frames.runs) > 1
    rows = max(tables.MOST_ROWS // (2 * len(frames.runs)), FEWEST_ROWS) if several else tables.MOST_ROWS
    shown = [_shown(frames.of_run(run["run_id"]), several) for run in frames.runs]
    figures = figure_selection.MOST_FIGURES
    plans = []
    for it in shown:
        plans.append(it.planned(figures))
        figures -= len(plans[-1].jobs)
    with render.drawing([job for plan in plans for job in plan.jobs]) as drawn:
        runs = []  # while worker processes draw
        room = MOST_DETAILED
        for it in shown:
            runs.append(_section(it, out, rows, room))
            room -= len(runs[-1]["cards"])
        found = _machines(frames, out)
        bytes_left = figure_selection.MOST_BYTES
        for run, plan in zip(runs, plans, strict=True):
            run["figures"], run["not_drawn"], bytes_left = figure_selection.placed(plan, drawn, out, bytes_left)
    runs[0]["in_full"] = len(runs[0]["brief"]["it"].rows) <= MOST_CARDS * 3 and len(runs[0]["cards"]) <= MOST_CARDS
    context = {
        "title": output.title(frames, [it.problems for it in shown]),
        "runs": runs,
        "several": several,
        "machines": found,
        "glossary": measurement.GLOSSARY,
        "figures_most_bytes": f"{figure_selection.MOST_BYTES / 1e6:g} MB",
    }
    return out.pages(context)


@dataclass(frozen=True)
class Shown:
    """One run as a page shows it. File names of its tables and figures begin with `prefix`."""

    frames: Frames
    view: View
    answers: list[Insight]
    problems: Problems
    prefix: str

    def planned(self, room: int) -> figure_selection.Planned:
        """At most `room` figures of the run."""
        sound = self.frames.scores["cell_id"].isin(self.view.precision["cell_id"])
        scores = self.frames.scores[sound]
        return figure_selection.planned(self.view.run, self.view.cells, scores, self.problems, self.prefix, room)


def _shown(frames: Frames, several: bool) -> Shown:
    view = view_of(frames)
    problems = described(view.run, "problems", view.cells["problem"])
    prefix = f"{text.file_name(view.run['run_id'])}-" if several else ""
    return Shown(frames, view, insights(view), problems, prefix)


def _machines(frames: Frames, out: output.Output) -> machines.Machines | None:
    found = machines.side_by_side(frames)
    if found:
        for table in found.tables:
            out.csv(table)
        if found.drawn:
            out.svg(found.drawn)
    return found


def _section(shown: Shown, out: output.Output, rows: int, room: int) -> dict[str, Any]:
    """What the page shows of one run except figures, with at most `room` cards; writes its tables."""
    frames, view, run = shown.frames, shown.view, shown.view.run
    made = _tables(shown, out, rows)
    found = cards(shown.answers)
    where = list(dict.fromkeys(card.where for card in found if card.where))
    labelled = [{"label": shown.problems[card.problem]["label"], "it": card} for card in found[:room]]
    return {
        "run_id": str(run["run_id"]),
        "name": text.short(run.get("label") or run["run_id"], 80),
        "on": output.on_what(frames),
        "where": where,
        "state": str(run.get("state", "unknown")),
        "command": str(run.get("command") or "the command was not recorded"),
        "summary": statements(shown.answers, RUN),
        "cards": labelled,
        "detailed": [card for card in labelled if card["it"].details],
        "in_full": False,
        "omitted": len(found) - len(labelled),
        "brief": made.pop("answers"),
        "failures": made.pop("failures"),
        "tables": [table for table in made.values() if table["it"].rows],
        "quality": [measurement.interference(frames.segments), measurement.clock(run.get("clock"))],
        "facts": measurement.facts(run, view.cells, shown.problems),
    }


def _tables(shown: Shown, out: output.Output, most: int) -> dict[str, dict[str, Any]]:
    """Name → a table of at most `most` rows, whether it is open, and its first rows. Writes each table as CSV."""
    cells = shown.view.cells
    made = {
        "answers": tables.answers(rows_of(shown.view)),
        "derivations": tables.derivations(shown.frames.derivations),
        "causes": tables.causes(cells),
        "crossovers": tables.crossovers(cells),
        "exponents": tables.exponents(cells),
        "local_exponents": tables.local_exponents(cells),
        "break_even": tables.break_even(cells),
        "cells": tables.all_cells(cells, shown.frames.cells, shown.frames.scores),
        "failures": tables.failures(cells),
    }
    is_right = bool(shown.view.derivations["level"].isin(RIGHT).all())
    written = {}
    for name, table in made.items():
        it = table.renamed(f"{shown.prefix}{table.name}").head(most)
        out.csv(it)
        is_open = len(it.rows) <= OPEN_ROWS and not (name == "derivations" and is_right)
        written[name] = {"it": it, "open": is_open, "short": it.head(OPEN_ROWS)}
    return written
