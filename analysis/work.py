"""Limits of a call's time from the peak rates of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.text import mapping
from gradiometer.statistics import Floats


def with_limits(cells: pd.DataFrame, peak_rates: object) -> pd.DataFrame:
    """`cells` with the limits of the roofline model (S. Williams, A. Waterman & D. Patterson, Commun. ACM 52(4), 2009).

    Columns: `flops_limit_s` = flops / peak; `bytes_limit_s` = bytes / bandwidth; `limit_s`, the larger of both;
    `limited_by`, which of them that is (`flops` or `bytes`); `limit_share` = limit_s / time_s. Unknown values are null.

    `peak_rates` is the entry of run.json: for a device, threads and numerics, peaks by dtype, and bandwidths by the
    bytes that a copy touches. A cell has the highest bandwidth of the copies that touch at least its bytes, because
    smaller data are served by a cache.
    """
    measured = peak_rates if isinstance(peak_rates, list) else []
    known = {tuple(str(entry.get(name)) for name in _WHERE): entry for entry in measured if isinstance(entry, dict)}
    peaks, bandwidths = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    where = pd.MultiIndex.from_arrays([cells[name].astype(str) for name in _WHERE])
    for place, entry in known.items():
        there = where == place
        peaks[there] = cells.loc[there, "dtype"].map(_numbers(entry, "flops_per_s")).astype(float)
        bandwidths[there] = _bandwidths(entry, cells.loc[there, "bytes"].to_numpy(float))
    found = cells.assign(
        flops_limit_s=cells["flops"].astype(float) / peaks, bytes_limit_s=cells["bytes"].astype(float) / bandwidths
    )
    both = found[["flops_limit_s", "bytes_limit_s"]]
    found["limit_s"] = both.max(axis=1, skipna=False)
    by = np.where(both["flops_limit_s"] >= both["bytes_limit_s"], "flops", "bytes")
    found["limited_by"] = pd.Series(by, found.index, dtype=object).where(found["limit_s"].notna(), None)
    found["limit_share"] = found["limit_s"] / found["time_s"]
    return found


_WHERE = ("device", "threads", "numerics")


def _numbers(entry: Mapping[str, Any], name: str) -> dict[str, float]:
    return {
        str(key): float(value)
        for key, value in mapping(entry.get(name)).items()
        if isinstance(value, (int, float)) and value > 0
    }


def _bandwidths(entry: Mapping[str, Any], moved: Floats) -> Floats:
    rates = sorted((int(size), rate) for size, rate in _numbers(entry, "bytes_per_s").items() if size.isdigit())
    if not rates:
        return np.full(moved.shape, np.nan)
    touched, rate = np.array(rates, dtype=float).T
    best = np.maximum.accumulate(rate[::-1])[::-1]
    place = np.searchsorted(touched, moved).clip(max=len(touched) - 1)
    return np.where(np.isnan(moved), np.nan, best[place])
