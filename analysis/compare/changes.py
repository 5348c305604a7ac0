"""Time ratios B ÷ A with intervals: of cells, methods, families, sizes, cases and whole runs.

The log of a ratio is a difference of two means over processes. The runs are independent, so its interval is Welch's
(1947); variances are moderated over the table (`gradiometer.statistics`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.compare.matching import CASE
from gradiometer.statistics import Floats, moderated, t_quantile, welch

Codes = np.ndarray[Any, np.dtype[Any]]
BetweenRuns = Callable[[Codes], tuple[Floats, Floats]]
"""Number of cases → standard deviation between runs that processes do not show, and its degrees of freedom."""

FEWEST_METHODS = 4
"""With fewer methods in a case, an effect shared by all of them cannot be separated from the effect of one."""

CHANGE = ["ratio", "ratio_low", "ratio_high", "error", "degrees"]
_CASE = ["run", "case_id_a", "case_id_b", "process"]


def process_logs(both: pd.DataFrame, low_a: pd.DataFrame, low_b: pd.DataFrame) -> pd.DataFrame:
    """A row for each compared cell of `both` (of `matching.matched`; `place` is its row there), run (a, b) and process.

    `low_a`, `low_b`: the 5 % quantiles of block times (`analysis.low_quantile`). `log` is the log of that time less the
    cell's mean over both runs. `shared` is the median of the logs of a case in a process, and `relative` is
    log − shared; both are null for cases with fewer than FEWEST_METHODS methods.
    """
    compared = both[both["reason"].isna()].reset_index(names="place")
    kept = ["place", *CASE, "method", "family", "case_id_a", "case_id_b"]
    sides = []
    for run, low in (("a", low_a), ("b", low_b)):
        names = compared[[*kept, f"cell_id_{run}"]].rename(columns={f"cell_id_{run}": "cell_id"})
        sides.append(names.merge(low, on="cell_id").drop(columns="cell_id").assign(run=run))
    rows = pd.concat(sides, ignore_index=True)
    of_run = rows.groupby(["place", "run"])["log"].mean().unstack()
    rows["log"] -= rows["place"].map(of_run.reindex(columns=["a", "b"]).mean(axis=1, skipna=False))
    rows = rows[rows["log"].notna()].copy()
    in_process = rows.groupby(_CASE)["log"]
    rows["shared"] = in_process.transform("median").where(in_process.transform("size") >= FEWEST_METHODS)
    rows["relative"] = rows["log"] - rows["shared"]
    return rows


def no_drift(cases: Codes) -> tuple[Floats, Floats]:
    """No variance between runs: drift is common to all methods of a case and cancels in a relative effect."""
    return np.zeros(len(cases)), np.full(len(cases), np.inf)


def changed(
    rows: pd.DataFrame, value: str, by: Sequence[str], kind: str | None = None, between_runs: BetweenRuns = no_drift
) -> pd.DataFrame:
    """The change of each group `by` of `process_logs`, from the mean `value` (log, shared, relative) of its cells.

    Columns: `ratio` (B's time over A's), `ratio_low` and `ratio_high` (95 %), `error` (standard error of the log),
    `degrees` of freedom, `cells` (how many). The ends are null where a run has one process. Variances are moderated
    within each `kind` (a column); `between_runs` is added to them.
    """
    known = rows[rows[value].notna()]
    codes = known.groupby(list(by), sort=False).ngroup().to_numpy()
    groups, first = np.unique(codes, return_index=True)
    kinds = np.zeros(len(groups)) if kind is None else pd.factorize(known[kind].iloc[first])[0]
    of_run = [(known["run"] == run).to_numpy() for run in ("a", "b")]
    sides = [_over_processes(known[rows_of], value, codes[rows_of], kinds) for rows_of in of_run]
    of_group = known.assign(group=codes).drop_duplicates("place").groupby("group")
    beyond = between_runs(of_group["case_id_a"].nunique().to_numpy())
    errors, degrees = (np.stack([*(side[place] for side in sides), beyond[place - 1]], axis=-1) for place in (1, 2))
    error, freedom = welch(errors, degrees)
    log, half = sides[1][0] - sides[0][0], t_quantile(freedom) * error
    parts = (np.exp(log), np.exp(log - half), np.exp(log + half), error, freedom)
    found = known.iloc[first][list(by)].reset_index(drop=True)
    return found.assign(cells=of_group.size().to_numpy(), **dict(zip(CHANGE, parts, strict=True)))


def _over_processes(rows: pd.DataFrame, value: str, codes: Codes, kinds: Codes) -> tuple[Floats, Floats, Floats]:
    """Mean over processes, its standard error and degrees of freedom, for each group of one run (by `codes`).

    The value of a process is the mean of its deviations from the cells' means, plus the mean over all cells of the
    group. So a cell that a process lacks does not shift the value of that process.
    """
    places, logs = pd.factorize(rows["place"])[0], rows[value].to_numpy(float)
    processes = pd.factorize(rows["process"])[0]
    groups, width = len(kinds), processes.max(initial=-1) + 1
    of_cell = np.bincount(places, logs) / np.bincount(places)
    _, one = np.unique(places, return_index=True)
    cells = np.bincount(codes[one], minlength=groups)
    there = np.bincount(codes * width + processes, minlength=groups * width).reshape(groups, width)
    deviations = np.bincount(codes * width + processes, logs - of_cell[places], minlength=groups * width)
    count = (there > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(there > 0, deviations.reshape(groups, width) / there, 0.0)
        mean = np.bincount(codes[one], of_cell, minlength=groups) / cells + deviation.sum(axis=1) / count
        centred = np.where(there > 0, deviation - (deviation.sum(axis=1) / count)[:, np.newaxis], 0.0)
        variance = (centred**2).sum(axis=1) / (count - 1.0)
    degrees = np.where(count > 1, count - 1.0, np.nan)
    for kind, several in set(zip(kinds, count, strict=True)):
        alike = (kinds == kind) & (count == several)
        if several > 1:
            variance[alike], degrees[alike] = moderated(variance[alike], degrees[alike], np.ones(alike.sum()))
    return mean, np.where(count > 1, np.sqrt(variance / np.maximum(count, 1)), np.nan), degrees
