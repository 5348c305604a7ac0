"""Decisions on times: faster, slower, same or undecided, with one correction for the whole table of a run.

`view.view_of` stores them in the columns `verdict` and `behind`, which all sentences, tables and figures read.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import timed
from gradiometer.statistics import Floats, decide, welch
from gradiometer.storage.schema import BASELINE


def decisions(cells: pd.DataFrame) -> pd.Series[str]:
    """Faster, slower, same or undecided against autograd, per cell; null for autograd and for cells without a ratio.

    The error rate is that of `gradiometer.statistics.decide`, over all cells of a run together.
    """
    labels, cells = cells.index, cells.reset_index(drop=True)
    compared = timed(cells)
    compared = compared[(compared["method"] != BASELINE) & compared["ratio"].notna()]
    found = pd.Series(None, cells.index, object)
    for _, of_run in compared.groupby("run_id", sort=False):
        verdicts = decide(of_run["ratio"], of_run["ratio_log_se"], of_run["ratio_df"], of_run["processes"])
        found.loc[of_run.index] = [verdict or "undecided" for verdict in verdicts]
    return found.set_axis(labels)


def verdicts(cells: pd.DataFrame) -> pd.Series[str]:
    """The column `verdict` of `cells`, or `decisions` of a frame that does not have it yet."""
    return cells["verdict"] if "verdict" in cells else decisions(cells)


def fastest(forms: pd.DataFrame) -> pd.Series[bool]:
    """Whether a form is the fastest of its case: by ratio where all forms have one, by time otherwise."""
    keys = [forms["run_id"], forms["case_id"]]
    paired = forms["ratio"].notna().groupby(keys).transform("all")
    rank = forms["ratio"].where(paired, forms["time_s"])
    best = rank.groupby(keys).transform("idxmin")
    return best == forms.index.to_series()


def with_fastest(forms: pd.DataFrame) -> pd.DataFrame:
    """The `forms` (an index of distinct labels) with `is_fastest`, and `behind`: the decision on a form's time against
    that of the fastest form of its case, corrected over the table; null for the fastest itself.

    Both ratios to autograd are paired, so their quotient is compared, or the quotient of the times where a ratio lacks.
    The interval is Welch's (1947) for independent parts, which is too wide where the parts share noise.
    """
    if forms.empty:
        return forms.assign(is_fastest=pd.Series(dtype=bool), behind=pd.Series(dtype=object))
    forms = forms.assign(is_fastest=fastest(forms))
    best = forms[forms["is_fastest"]].drop_duplicates(["run_id", "case_id"])
    pairs = forms.reset_index().merge(best, on=["run_id", "case_id"], suffixes=("", "_best")).set_index("index")
    pairs = pairs[~pairs["is_fastest"]]
    processes = pairs[["processes", "processes_best"]].min(axis=1)
    found = [verdict or "undecided" for verdict in decide(*quotients(pairs), processes)]
    return forms.assign(behind=pd.Series(found, pairs.index, object).reindex(forms.index))


def quotients(pairs: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Time over the time of the columns `…_best`: value, standard error of the log, degrees of freedom."""
    paired = (pairs["ratio"].notna() & pairs["ratio_best"].notna()).to_numpy()
    own, best = (
        [np.where(paired, pairs[of_ratio + end], pairs[of_time + end]).astype(float) for of_ratio, of_time in _COLUMNS]
        for end in ("", "_best")
    )
    error, df = welch(np.stack([own[1], best[1]], -1), np.stack([own[2], best[2]], -1))
    return own[0] / best[0], error, df


_COLUMNS = (("ratio", "time_s"), ("ratio_log_se", "time_log_se"), ("ratio_df", "time_df"))
