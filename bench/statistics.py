"""From raw samples to times, ratios and their intervals. No torch here: `analysis/` uses the same functions.

The process is the unit of inference, since processes differ by more than repetitions within one (Kalibera & Jones,
"Rigorous benchmarking in reasonable time", 2013). Within a process a ratio is paired by segment: the log of the
quotient of two block medians of the same segment, averaged over segments. Over processes: Student's t on those logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.schema import BASELINE

CONFIDENCE = 0.95
BAND = 0.01
"""Half-width of the band around 1 inside which two times count as the same."""

LEAST_TIME_S = 1e-10
"""A block median below the floor is noise; it counts as this, so that logarithms exist."""


@dataclass(frozen=True)
class Estimate:
    """A positive quantity with its 95 % interval, and over how many processes it was taken."""

    value: float
    low: float
    high: float
    processes: int

    @property
    def verdict(self) -> str:
        """Of a ratio: faster, slower, same, or undecided, from the interval and the ±1 % band."""
        if self.high < 1 - BAND:
            return "faster"
        if self.low > 1 + BAND:
            return "slower"
        if self.low > 1 - BAND and self.high < 1 + BAND:
            return "same"
        return "undecided"


def log_interval(logs: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    """exp of mean, low and high of a 95 % t interval; NaN bounds where one value alone tells nothing of its spread."""
    from scipy import stats

    mean = float(np.mean(logs))
    if len(logs) < 2:
        return float(np.exp(mean)), float("nan"), float("nan")
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * np.std(logs, ddof=1) / np.sqrt(len(logs)))
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def segment_medians(samples: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """Per cell, clock, process and segment: the median sample less the empty call's time, in seconds (`time_s`).

    The device clock has no floor: its events bracket the work on the device alone.
    """
    keys = ["case_id", "cell_id", "clock", "process", "segment"]
    medians = samples.groupby(keys, observed=True, sort=False)["time_s"].median().reset_index()
    floors = segments[["case_id", "process", "segment", "floor_s"]]
    medians = medians.merge(floors, on=["case_id", "process", "segment"], how="left")
    floor = medians["floor_s"].fillna(0.0).where(medians["clock"] == "wall", 0.0)
    medians["time_s"] = (medians["time_s"] - floor).clip(lower=LEAST_TIME_S)
    return medians[[*keys, "time_s"]]


def _over_processes(logs: pd.DataFrame) -> dict[str, Estimate]:
    """Cell → estimate, from a frame of cell_id, process, segment, log. One process alone: its segments, so labelled."""
    estimates = {}
    for cell_id, group in logs.groupby("cell_id", observed=True, sort=False):
        per_process = group.groupby("process", observed=True)["log"].mean().to_numpy()
        values = per_process if len(per_process) > 1 else group["log"].to_numpy()
        estimates[str(cell_id)] = Estimate(*log_interval(values), processes=len(per_process))
    return estimates


def times(medians: pd.DataFrame, clock: str = "wall") -> dict[str, Estimate]:
    """Cell → time of a call in seconds, from `segment_medians`."""
    of_clock = medians[medians["clock"] == clock]
    return _over_processes(of_clock.assign(log=np.log(of_clock["time_s"])))


def ratios(medians: pd.DataFrame, baselines: dict[str, str]) -> dict[str, Estimate]:
    """Cell → its time over that of its baseline cell (`baselines`: cell → cell), paired by process and segment."""
    wall = medians[medians["clock"] == "wall"]
    keys = ["baseline", "process", "segment"]
    denominators = wall.rename(columns={"cell_id": "baseline", "time_s": "baseline_s"})[[*keys, "baseline_s"]]
    denominators = denominators.astype({"baseline": "string"})
    numerators = wall.assign(baseline=wall["cell_id"].astype(str).map(baselines).astype("string"))
    pairs = numerators.dropna(subset=["baseline"]).merge(denominators, on=keys)
    return _over_processes(pairs.assign(log=np.log(pairs["time_s"] / pairs["baseline_s"])))


def paired_ratio(samples: pd.DataFrame, arm: str, baseline: str, segments: pd.DataFrame | None = None) -> Estimate:
    """Time of `arm` over `baseline` (cell ids in `samples`), with its interval and verdict.

    `segments` gives the floors to subtract; without it none is. Raises KeyError where no segment holds both.
    """
    none = pd.DataFrame({"case_id": [], "process": [], "segment": [], "floor_s": []})
    none = none.astype({"case_id": "string", "process": "int64", "segment": "int64"})
    both = samples[samples["cell_id"].isin([arm, baseline])]
    found = ratios(segment_medians(both, none if segments is None else segments), {arm: baseline})
    if arm not in found:
        raise KeyError(f"{arm} and {baseline} share no segment of one process; measure them in one case")
    return found[arm]


def summarise(cells: pd.DataFrame, samples: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """`cells` with its summary columns filled from the raw rows: times, ratios, counts, share disturbed."""
    cells = cells.copy()
    if samples.empty:
        return cells
    medians = segment_medians(samples, segments)
    baseline_of_case = cells[cells["method"] == BASELINE].set_index("case_id")["cell_id"]
    baselines = dict(zip(cells["cell_id"], cells["case_id"].map(baseline_of_case), strict=True))
    wall, device = times(medians), times(medians, "device")
    ratio = ratios(medians, {cell: base for cell, base in baselines.items() if isinstance(base, str)})
    for prefix, suffix, estimates in (("time", "_s", wall), ("ratio", "", ratio)):
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            cells[f"{prefix}{end}{suffix}"] = [getattr(estimates.get(cell), part, None) for cell in cells["cell_id"]]
    cells["device_time_s"] = [getattr(device.get(cell), "value", None) for cell in cells["cell_id"]]
    counts = samples[samples["clock"] == "wall"].groupby("cell_id", observed=True)["time_s"].count()
    cells["samples"] = cells["cell_id"].map(counts).fillna(0).astype("int64")
    cells["processes"] = [getattr(wall.get(cell), "processes", 0) for cell in cells["cell_id"]]
    cells["disturbed"] = cells["case_id"].map(segments.groupby("case_id", observed=True)["disturbed"].mean())
    return cells
