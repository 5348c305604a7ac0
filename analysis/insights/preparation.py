"""From how many calls on a form that prepares once per data set is cheaper than another form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import SERIES, analytic, timed
from gradiometer.analysis.insights.insight import INFO, Insight, from_rows
from gradiometer.analysis.insights.view import WHERE, View
from gradiometer.statistics import half_width, t_quantile

PREPARING = [*SERIES, "size", "dims", "method", "other", "setup_s", "time_s", "other_time_s"]

SETUP_LOG_SE = 0.3
"""Assumed standard deviation of the log of one preparation: each process prepares once, and only the result over the
processes is stored."""


def break_even(cells: pd.DataFrame) -> pd.DataFrame:
    """The number of `calls` after which preparing pays, with `calls_low` and `calls_high`, for each form that prepares
    and each `other` form of its case.

    calls = setup / (time of the other − time of the prepared). The interval combines Welch's (1947) of the difference
    (s_t = t·s_log t, first order) with that of the preparation (SETUP_LOG_SE over the processes): every pair of ends.
    Infinite: preparing never pays, or may never pay.
    """
    forms = timed(cells)
    forms = analytic(forms).reset_index(drop=True)
    forms = forms.assign(error_s=forms["time_log_se"] * forms["time_s"])
    right = forms[["run_id", "case_id", "method", "setup_s", "time_s", "error_s", "time_df"]]
    pairs = forms.merge(right, on=["run_id", "case_id"], suffixes=("", "_other"))
    pairs = pairs[pairs["setup_s"].notna() & (pairs["method"] != pairs["method_other"])]
    extra_s = (pairs["setup_s"] - pairs["setup_s_other"].fillna(0.0)).to_numpy(float)
    saved = (pairs["time_s_other"] - pairs["time_s"]).to_numpy(float)
    errors_s, dfs = (pairs[[name, f"{name}_other"]].to_numpy(float) for name in ("error_s", "time_df"))
    half = half_width(errors_s, dfs)
    spread = np.exp(t_quantile(np.inf) * SETUP_LOG_SE / np.sqrt(pairs["processes"].clip(lower=1).to_numpy(float)))
    rows = pairs.rename(columns={"method_other": "other", "time_s_other": "other_time_s"})[PREPARING].copy()
    ends = {"calls": (1.0, saved), "calls_low": (1 / spread, saved + half), "calls_high": (spread, saved - half)}
    for name, (factor, difference) in ends.items():
        with np.errstate(divide="ignore"):
            calls = np.where(difference > 0, factor * extra_s / difference, np.inf)
        rows[name] = np.where(np.isnan(difference), np.nan, calls)
    return rows.reset_index(drop=True)


def preparation(view: View) -> list[Insight]:
    """`break_even` for each recommended form that prepares, against the fastest form that prepares nothing, at the
    largest size at which the first is recommended: `form`, `other`, `size`, `calls`, `low`, `high`.
    """
    forms = view.forms
    prepared = forms[forms["is_fastest"] & forms["setup_s"].notna()]
    prepared = prepared[prepared["size"] == prepared.groupby(WHERE)["size"].transform("max")]
    others = forms[forms["setup_s"].isna()].sort_values("time_s").drop_duplicates("case_id")
    chosen = pd.concat([prepared, others[others["case_id"].isin(prepared["case_id"])]])
    pays = break_even(chosen)
    pays = pays.assign(calls=np.ceil(pays["calls"]).clip(lower=1))
    names = {name: name for name in ("other", "size", "calls")}
    names |= {"method": "form", "calls_low": "low", "calls_high": "high"}
    return from_rows("break_even", INFO, pays, names)
