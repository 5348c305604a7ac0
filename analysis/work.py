"""How near a cell comes to what its machine can do at most. Frame in, frame out; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def with_limits(cells: pd.DataFrame, ceilings: object) -> pd.DataFrame:
    """`cells` with `flops_limit_s` = flops / peak, `bytes_limit_s` = bytes / bandwidth, `limit_s`, the larger of both
    (`limited_by` says which: flops, bytes), and `limit_share` = limit_s / time_s; null where something is unknown.

    The roofline of S. Williams, A. Waterman & D. Patterson, Commun. ACM 52(4), 2009. `ceilings` as in run.json: peaks
    by dtype and bandwidths by how much a copy touches, each for a device, threads and numerics. The bandwidth of a cell
    is the highest of the copies that touch no less than its inputs and gradient, since a cache serves what it holds.
    """
    measured = ceilings if isinstance(ceilings, list) else []
    known = {tuple(str(entry.get(name)) for name in _WHERE): entry for entry in measured if isinstance(entry, dict)}
    entries = [known.get(where, {}) for where in zip(*(cells[name].astype(str) for name in _WHERE), strict=True)]
    peaks = [_peak(entry, dtype) for entry, dtype in zip(entries, cells["dtype"], strict=True)]
    bandwidths = [_bandwidth(entry, moved) for entry, moved in zip(entries, cells["bytes"], strict=True)]
    found = cells.assign(
        flops_limit_s=cells["flops"].astype(float) / np.array(peaks, dtype=float),
        bytes_limit_s=cells["bytes"].astype(float) / np.array(bandwidths, dtype=float),
    )
    both = found[["flops_limit_s", "bytes_limit_s"]]
    found["limit_s"] = both.max(axis=1, skipna=False)
    by = np.where(both["flops_limit_s"] >= both["bytes_limit_s"], "flops", "bytes")
    found["limited_by"] = pd.Series(by, found.index, dtype=object).where(found["limit_s"].notna(), None)
    found["limit_share"] = found["limit_s"] / found["time_s"]
    return found


_WHERE = ("device", "threads", "numerics")


def _numbers(entry: Mapping[str, Any], name: str) -> dict[str, float]:
    told = entry.get(name)
    told = told if isinstance(told, dict) else {}
    return {str(key): float(value) for key, value in told.items() if isinstance(value, (int, float)) and value > 0}


def _peak(entry: Mapping[str, Any], dtype: str) -> float:
    return _numbers(entry, "flops_per_s").get(dtype, np.nan)


def _bandwidth(entry: Mapping[str, Any], moved: float) -> float:
    rates = {int(size): rate for size, rate in _numbers(entry, "bytes_per_s").items() if size.isdigit()}
    if not rates or pd.isna(moved):
        return np.nan
    return max((rate for size, rate in rates.items() if size >= moved), default=rates[max(rates)])
