"""How much longer B takes than A: for a cell, for what a case's methods share, for a method, a family, the whole run.

Frames in, frames out; no torch here. Every change is a difference of mean logs over the processes of two runs, which
are independent: its interval is Welch's (1947), its variances moderated over the table (`gradiometer.statistics`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.compare.matching import CASE
from gradiometer.analysis.intervals import Floats, welch
from gradiometer.statistics import moderated, t_quantile

Codes = np.ndarray[Any, np.dtype[Any]]
Unseen = Callable[[Codes], tuple[Floats, Floats]]

FEWEST_METHODS = 4
"""Methods of a case below which what they share cannot be told from what one of them does."""

CHANGE = ["ratio", "ratio_low", "ratio_high", "error", "degrees"]
_CASE = ["run", "case_id_a", "case_id_b", "process"]


def process_logs(both: pd.DataFrame, quiet_a: pd.DataFrame, quiet_b: pd.DataFrame) -> pd.DataFrame:
    """A row per compared cell (of `matching.matched`; `place` is its row there), `run` (a, b) and process: `log`,
    `common`, the median of the logs of its case in that process, and `own` = log − common.

    Logs are of quiet times (`analysis.low_quantile`) and less the cell's mean over both runs, so that what a case's
    methods share shows beside what one of them does. `common` and `own` are null with fewer than FEWEST_METHODS.
    """
    compared = both[both["reason"].isna()].reset_index(names="place")
    told = ["place", *CASE, "method", "family", "case_id_a", "case_id_b"]
    sides = []
    for run, quiet in (("a", quiet_a), ("b", quiet_b)):
        names = compared[[*told, f"cell_id_{run}"]].rename(columns={f"cell_id_{run}": "cell_id"})
        sides.append(names.merge(quiet, on="cell_id").drop(columns="cell_id").assign(run=run))
    rows = pd.concat(sides, ignore_index=True)
    of_run = rows.groupby(["place", "run"])["log"].mean().unstack()
    rows["log"] -= rows["place"].map(of_run.reindex(columns=["a", "b"]).mean(axis=1, skipna=False))
    rows = rows[rows["log"].notna()].copy()
    in_process = rows.groupby(_CASE)["log"]
    rows["common"] = in_process.transform("median").where(in_process.transform("size") >= FEWEST_METHODS)
    rows["own"] = rows["log"] - rows["common"]
    return rows


def nothing(cases: Codes) -> tuple[Floats, Floats]:
    """What is unseen of what a method does beside the others of its case: the machine's state is in all of them."""
    return np.zeros(len(cases)), np.full(len(cases), np.inf)


def changed(
    rows: pd.DataFrame, value: str, by: Sequence[str], kind: str | None = None, unseen: Unseen = nothing
) -> pd.DataFrame:
    """Per group `by` of `process_logs`, over its cells' mean `value` (log, common, own): `ratio`, B's time over A's,
    its 95 % interval, the standard `error` of its log, `degrees` of freedom, and the `cells` it is of.

    Null ends where a run has one process alone. Variances are moderated within each `kind` (a column). What
    processes do not show, `unseen` tells by a group's number of cases: a standard deviation, its degrees of freedom.
    """
    known = rows[rows[value].notna()]
    codes = known.groupby(list(by), sort=False).ngroup().to_numpy()
    groups, first = np.unique(codes, return_index=True)
    kinds = np.zeros(len(groups)) if kind is None else pd.factorize(known[kind].iloc[first])[0]
    of_run = [(known["run"] == run).to_numpy() for run in ("a", "b")]
    sides = [_over_processes(known[rows_of], value, codes[rows_of], kinds) for rows_of in of_run]
    of_group = known.assign(group=codes).drop_duplicates("place").groupby("group")
    beyond = unseen(of_group["case_id_a"].nunique().to_numpy())
    errors, degrees = (np.stack([*(side[place] for side in sides), beyond[place - 1]], axis=-1) for place in (1, 2))
    error, freedom = welch(errors, degrees)
    log, half = sides[1][0] - sides[0][0], t_quantile(freedom) * error
    parts = (np.exp(log), np.exp(log - half), np.exp(log + half), error, freedom)
    found = known.iloc[first][list(by)].reset_index(drop=True)
    return found.assign(cells=of_group.size().to_numpy(), **dict(zip(CHANGE, parts, strict=True)))


def _over_processes(rows: pd.DataFrame, value: str, codes: Codes, kinds: Codes) -> tuple[Floats, Floats, Floats]:
    """Per group of one run, by their `codes`: the mean over its processes, its standard error, degrees of freedom.

    A process's value is the mean over the group's cells, and varies as the cells that the process has do: one that it
    lacks does not shift it by that cell's own change.
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
