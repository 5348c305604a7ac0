"""At which size a method becomes slower or faster than autograd."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gradiometer.analysis.curves import KEYS, curves
from gradiometer.analysis.insights.decision import verdicts
from gradiometer.analysis.insights.insight import INFO, Insight, from_rows
from gradiometer.analysis.insights.view import View
from gradiometer.statistics import Floats
from gradiometer.storage.schema import BASELINE

CROSSOVERS = [*KEYS, "size_from", "size_to", "relation", "size", "size_low", "size_high"]


def crossovers(cells: pd.DataFrame) -> pd.DataFrame:
    """Where each method crosses autograd: an estimate `size` between `size_low` and `size_high`, and `relation`.

    `size_low` and `size_high` are the nearest measured sizes with different decisions, of which undecided sizes in
    between are no part: the crossing lies between them, however the curve bends. `size` interpolates the log of the
    ratio linearly in log size; it carries no claim of its own. A method that never crosses has one row without a size,
    whose `relation` is faster, slower, same or undecided; one row per crossing otherwise.
    """
    compared = curves(cells[(cells["method"] != BASELINE) & cells["ratio"].notna()])
    points, sizes = compared.cells, compared.cells["size"].to_numpy()
    verdict = verdicts(points).to_numpy(object)
    ends = points[KEYS].assign(size_from=sizes[compared.of_each(compared.starts)],
                               size_to=sizes[compared.of_each(compared.stops)])  # fmt: skip
    decided_at = np.flatnonzero(np.isin(verdict, ("faster", "slower")))
    start, stop = decided_at[:-1], decided_at[1:]
    crosses = (compared.number[start] == compared.number[stop]) & (verdict[start] != verdict[stop])
    start, stop = start[crosses], stop[crosses]
    log_size, log_ratio = np.log(sizes), np.log(points["ratio"].to_numpy(float))
    between = [slice(i, k + 1) for i, k in zip(start, stop, strict=True)]
    crossings = ends.iloc[start].assign(
        relation=[f"{verdict[i]} below, {verdict[k]} above" for i, k in zip(start, stop, strict=True)],
        size=[_crossing(log_size[part], log_ratio[part]) for part in between],
        size_low=sizes[start],
        size_high=sizes[stop],
    )
    without = np.setdiff1d(compared.number, compared.number[start])
    rest = ends.iloc[compared.starts[without]].assign(
        relation=[_throughout(verdict[compared.starts[it] : compared.stops[it] + 1]) for it in without]
    )
    order = np.argsort(np.append(start, compared.starts[without]), kind="stable")
    found: pd.DataFrame = pd.concat([crossings, rest]).iloc[order].reset_index(drop=True)
    return found.reindex(columns=CROSSOVERS)


def _crossing(log_size: Floats, log_ratio: Floats) -> float:
    """The size at which the log ratio passes 0, linear in between; the median where it passes several times."""
    places = np.flatnonzero(np.sign(log_ratio[1:]) != np.sign(log_ratio[:-1]))
    x0, x1, y0, y1 = log_size[places], log_size[places + 1], log_ratio[places], log_ratio[places + 1]
    return float(np.exp(np.median(x0 - y0 * (x1 - x0) / (y1 - y0))))


def _throughout(found: Iterable[object]) -> str:
    """The decision of a method without a crossing: the one that is decided somewhere, if there is one."""
    names = {str(verdict) for verdict in found}
    return next((name for name in ("faster", "slower", "same") if name in names), "undecided")


def crossings(view: View) -> list[Insight]:
    """`crossover` for each crossing of a form: `form`, `size`, `low` and `high`, and the decision `above` it."""
    found = crossovers(view.leading)
    found = found[(found["family"] == "analytic") & found["size"].notna()]
    found = found.assign(above=np.where(found["relation"].astype(str).str.endswith("slower above"), "slower", "faster"))
    names = {"method": "form", "size": "size", "size_low": "low", "size_high": "high", "above": "above"}
    return from_rows("crossover", INFO, found.astype({"size_low": int, "size_high": int}), names)
