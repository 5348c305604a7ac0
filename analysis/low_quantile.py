"""Low quantile of block times: the time by which runs are compared.

Interference only makes calls slower, so the lower blocks of two runs are more alike than the middle ones (J. Chen and
J. Revels, "Robust benchmarking in noisy environments", 2016, use the minimum). The empirical 5 % quantile depends on
the number of blocks: of 2 blocks it is 5 % too high, of 40 blocks 1 %. The expected minimum of k blocks has an unbiased
estimator for every number of blocks n ≥ k (the U-statistic Σᵢ C(n−i, k−1)/C(n, k) x₍ᵢ₎ over the sorted blocks). With
k = 19 it lies near the 5 % quantile; two runs are compared by the largest k that all their processes have blocks for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradiometer.analysis.reduce import reduce
from gradiometer.statistics import LEAST_TIME_S
from gradiometer.storage.tables import read_arrow

LOW_QUANTILE = 0.05
"""Quantile near which the expected minimum of the most blocks lies: 1/(k + 1) for k blocks."""
STEPS = tuple(sorted({round((1 / LOW_QUANTILE - 1) ** (step / 7)) for step in range(8)}))
"""Numbers of blocks k whose expected minimum is estimated: 1, 2, 4, 5, 8, 12 and 19."""

_LOGS = ", ".join(
    f"sum(log * {k} * exp(lgamma(n - i + 1) + lgamma(greatest(n - {k} + 1, 1)) - lgamma(greatest(n - i - {k} + 2, 1)) "
    f"- lgamma(n + 1))) filter (i <= n - {k} + 1) as log_{k}"
    for k in STEPS
)
_QUERY = f"""
    select cell_id, process, any_value(n) as blocks, {_LOGS}
    from (
        select *, row_number() over (partition by cell_id, process order by log) as i,
            count(*) over (partition by cell_id, process) as n
        from (
            select samples.cell_id, samples.process, ln(greatest(time_s - coalesce(overhead_s, 0), $least)) as log
            from samples left join segments using (case_id, process, segment)
            where clock = 'wall'
        )
    )
    group by all
    order by all
"""


def low_quantile_logs(folder: Path) -> pd.DataFrame:
    """One row per cell and process of a run: its number of `blocks`, and `log_<k>` for each k of STEPS.

    `log_<k>` estimates the expected minimum of the logs of k blocks, in log seconds without overhead; null with fewer
    than k blocks. Raises StoreError where the samples cannot be read.
    """
    samples = read_arrow(folder, "samples", ["case_id", "cell_id", "process", "segment", "time_s", "clock"])
    segments = read_arrow(folder, "segments", ["case_id", "process", "segment", "overhead_s"])
    return reduce(_QUERY, {"samples": samples, "segments": segments}, {"least": LEAST_TIME_S})


def comparable(both: pd.DataFrame, low_a: pd.DataFrame, low_b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`cell_id`, `process` and `log` of two runs, with the same k for both cells of a row of `both`.

    `both` has the columns `cell_id_a` and `cell_id_b`; `low_a` and `low_b` are from `low_quantile_logs`.
    """
    sides = (("cell_id_a", low_a), ("cell_id_b", low_b))
    blocks = [both[name].map(low.groupby("cell_id", observed=True)["blocks"].min()) for name, low in sides]
    fewest = pd.concat(blocks, axis=1).min(axis=1, skipna=False)
    found = []
    for name, low in sides:
        at_most = low["cell_id"].map(dict(zip(both[name], fewest, strict=True)))
        step = np.searchsorted(STEPS, at_most.fillna(0), side="right") - 1
        logs = low[[f"log_{k}" for k in STEPS]].to_numpy(float)[np.arange(len(low)), step]
        known = low[["cell_id", "process"]].assign(log=logs)
        found.append(known[at_most.notna()].reset_index(drop=True))
    return found[0], found[1]
