"""How much longer B takes than A: for a cell, for what a case's methods share, for a method, a family, the whole run.

Frames in, frames out; no torch here. Every change is a difference of mean logs over the processes of two runs, which
are independent: its interval is Welch's (1947), its variances moderated over the table (`bench.statistics`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.compare.matching import CASE
from analysis.intervals import log_standard_error, welch
from bench.statistics import intervals, t_quantile

FEWEST_METHODS = 4
"""Methods of a case below which what they share cannot be told from what one of them does."""

BETWEEN_RUNS = 0.02
"""Standard deviation, between runs of one machine, of what a case's methods share: a minute is not like the next, and
processes of one run do not show it. Over three runs of two shared cores it was 0.014 to 0.020."""

CHANGE = ["ratio", "ratio_low", "ratio_high", "error", "degrees"]
_CASE = ["run", "case_id_a", "case_id_b", "process"]


def process_logs(both: pd.DataFrame, quiet_a: pd.DataFrame, quiet_b: pd.DataFrame) -> pd.DataFrame:
    """A row per compared cell (of `matching.matched`; `place` is its row there), `run` (a, b) and process: `log`,
    `common`, the median of the logs of its case in that process, and `own` = log − common.

    Logs are of quiet times (`analysis.compare.quiet`) and less the cell's mean over both runs, so that what a case's
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


def changed(
    rows: pd.DataFrame, value: str, by: Sequence[str], kind: str | None = None, between_runs: float = 0.0
) -> pd.DataFrame:
    """Per group `by` of `process_logs`, over its cells' mean `value` (log, common, own): `ratio`, B's time over A's,
    its 95 % interval, the standard `error` of its log, `degrees` of freedom, and the `cells` it is of.

    Null ends where a run has one process alone. Variances are moderated within each `kind` (a column); `between_runs`
    is a standard deviation that the processes do not show.
    """
    known = rows[rows[value].notna()]
    group = known.groupby(list(by), sort=False).ngroup().rename("group")
    known = known.assign(group=group)
    found = known.drop_duplicates("group").set_index("group")[list(by)]
    found["cells"] = known.groupby("group")["place"].nunique()
    kinds = pd.Series("all", found.index) if kind is None else known.groupby("group")[kind].first()
    sides = [intervals(_of_groups(known[known["run"] == run], value), kinds).reindex(found.index) for run in ("a", "b")]
    degrees = [side["degrees"].where(side["degrees"] > 0).to_numpy(float) for side in sides]
    errors = [
        log_standard_error(side["low"], side["high"], freedom) for side, freedom in zip(sides, degrees, strict=True)
    ]
    unseen = np.full(len(found), between_runs)
    error, freedom = welch(np.stack([*errors, unseen], axis=-1), np.stack([*degrees, unseen + np.inf], axis=-1))
    ratio = (sides[1]["value"] / sides[0]["value"]).to_numpy(float)
    half = t_quantile(freedom) * error
    parts = (ratio, ratio * np.exp(-half), ratio * np.exp(half), error, freedom)
    return found.assign(**dict(zip(CHANGE, parts, strict=True))).reset_index(drop=True)


def _of_groups(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """One log per group and process of one run, as `bench.statistics.intervals` takes them.

    It is the mean over the group's cells, and varies between processes as the cells that a process has do: one that
    lacks a cell does not shift it by that cell's own change.
    """
    mean = rows.groupby("place")[value].transform("mean")
    deviation = (rows[value] - mean).groupby([rows["group"], rows["process"]]).mean().rename("deviation").reset_index()
    of_cells = rows.assign(mean=mean).drop_duplicates("place").groupby("group")["mean"].mean()
    log = deviation["group"].map(of_cells) + deviation["deviation"]
    return pd.DataFrame({"cell_id": deviation["group"], "process": deviation["process"], "segment": 0, "log": log})
