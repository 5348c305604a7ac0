"""How much of the study was measured, and how many ratios are too noisy to decide."""

from __future__ import annotations

import pandas as pd

from gradiometer.analysis.insights.insight import GOOD, INFO, WARNING, Insight
from gradiometer.analysis.insights.view import View
from gradiometer.analysis.text import mapping

NOISY = 0.25
"""A ratio whose logarithm has a larger standard error than this (about ±60 % at 95 %) is too noisy for a decision."""


def coverage(view: View) -> list[Insight]:
    """`coverage`: cells that are `ok`, `planned`, and the counts of the other `statuses`. `one_process` where a single
    process measured. `noisy`: how many of the `compared` ratios are `undecided` because of their noise.
    """
    cells = view.cells
    lost = {str(status): int(count) for status, count in cells["status"].value_counts().items() if status != "ok"}
    ok = int((cells["status"] == "ok").sum())
    found = [Insight("coverage", INFO if lost else GOOD, None, {"ok": ok, "planned": len(cells), "statuses": lost})]
    if cells["processes"].max() == 1:
        found.append(Insight("one_process", WARNING, None, {}))
    compared = cells[cells["verdict"].notna()]
    noisy = (compared["ratio_log_se"] > NOISY) & (compared["verdict"] == "undecided")
    if noisy.any():
        cores = mapping(view.run.get("machine")).get("usable_cores")
        load = pd.to_numeric(view.segments["load_1min"]).median() if len(view.segments) else float("nan")
        numbers = {"undecided": int(noisy.sum()), "compared": len(compared), "load": float(load), "cores": cores}
        found.append(Insight("noisy", WARNING, None, numbers))
    return found
