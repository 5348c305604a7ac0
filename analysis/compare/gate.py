"""`--fail-on`: the checks by which a comparison fails a build."""

from __future__ import annotations

from collections.abc import Callable

from gradiometer.analysis import text
from gradiometer.analysis.compare.comparison import BAND, Comparison
from gradiometer.analysis.compare.precision import LESS_PRECISE


def slower(compared: Comparison, threshold: float) -> list[str]:
    """Number of slower rows of each table with verdicts, which were judged against the band up to `threshold`."""
    tables = {
        "runs as a whole": compared.whole,
        "methods": compared.methods,
        "cases": compared.cases,
        "families": compared.families,
        "families by size": compared.sizes,
        "cells": compared.cells[compared.cells["verdict"].notna()],
    }
    counts = {what: (table["verdict"] == "slower").sum() for what, table in tables.items() if "verdict" in table}
    return [f"{count} of {len(tables[what])} {what}" for what, count in counts.items() if count]


def less_precise(compared: Comparison, threshold: float) -> list[str]:
    """Number of gradients with errors above `threshold` × A's, larger for every seed, or finite only in A."""
    cells = compared.cells
    larger = (cells["error_ratio"] > threshold) & (cells["error_low"] > 1) & (cells["scored"] > 1)
    worse = (larger | (cells["lost_finite"] > 0)).sum()
    scored = cells["precision"].notna().sum()
    return [f"{worse} of {scored} gradients by a factor above {text.number(threshold)}"] if worse else []


FAILURES: dict[str, tuple[Callable[[Comparison, float], list[str]], float]] = {
    "slower": (slower, 1 + BAND),
    "less-precise": (less_precise, LESS_PRECISE),
}
"""Value of `--fail-on` → the check, and its default threshold (a factor above 1)."""
