"""Decisions on times: faster, slower, same or undecided, with one correction for the whole table of a run.

Every sentence, table and figure of a page reads the columns that `with_decisions` adds, so they agree.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import timed
from gradiometer.analysis.intervals import Floats, log_standard_error, welch
from gradiometer.statistics import BETWEEN_PROCESSES, decided
from gradiometer.storage.schema import BASELINE

ONE_PROCESS = 1.5 * BETWEEN_PROCESSES
"""Standard error of a log ratio measured in one process: 95 % is three times the spread between processes."""


def log_errors(cells: pd.DataFrame, name: str) -> tuple[Floats, Floats]:
    """Standard errors of the logs of `time` or `ratio` (`name`), and their degrees of freedom."""
    unit = "_s" if name == "time" else ""
    low, high, degrees = (cells[f"{name}_{end}"].to_numpy(float) for end in (f"low{unit}", f"high{unit}", "degrees"))
    return log_standard_error(low, high, degrees), degrees


def decisions(cells: pd.DataFrame) -> pd.Series[str]:
    """Faster, slower, same or undecided against autograd, per cell; null for autograd and for cells without a ratio.

    The error rate is that of `gradiometer.statistics.decided`, over all cells of a run together.
    """
    compared = timed(cells)
    compared = compared[(compared["method"] != BASELINE) & compared["ratio"].notna()]
    found = pd.Series(None, cells.index, object)
    for _, of_run in compared.groupby("run_id", sort=False):
        errors, degrees = log_errors(of_run, "ratio")
        alone = of_run["processes"].to_numpy() == 1
        verdicts = decided(of_run["ratio"], np.where(alone, np.hypot(errors, ONE_PROCESS), errors), degrees)
        found.loc[of_run.index] = [verdict or "undecided" for verdict in verdicts]
    return found


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
    quotient, error, degrees = quotients(pairs)
    found = [verdict or "undecided" for verdict in decided(quotient, error, degrees)]
    return forms.assign(behind=pd.Series(found, pairs.index, object).reindex(forms.index))


def quotients(pairs: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Time over the time of the columns `…_best`: value, standard error of the log, degrees of freedom."""
    paired = (pairs["ratio"].notna() & pairs["ratio_best"].notna()).to_numpy()
    values, errors, degrees = [], [], []
    for end in ("", "_best"):
        own = pairs[[f"{name}{end}" for name in _COLUMNS]].set_axis(_COLUMNS, axis=1)
        (ratio_error, ratio_degrees), (time_error, time_degrees) = log_errors(own, "ratio"), log_errors(own, "time")
        values.append(np.where(paired, own["ratio"], own["time_s"]).astype(float))
        errors.append(np.where(paired, ratio_error, time_error))
        degrees.append(np.where(paired, ratio_degrees, time_degrees))
    error, freedom = welch(np.stack(errors, -1), np.stack(degrees, -1))
    return values[0] / values[1], error, freedom


_COLUMNS = ["ratio", "ratio_low", "ratio_high", "ratio_degrees", "time_s", "time_low_s", "time_high_s", "time_degrees"]
