"""One time, one ratio: from samples to an estimate with its 95 % interval.

Samples are a frame with the columns of `samples` in `bench.schema`; `floor_s`, the empty call's time in the same
segment, is subtracted where it is a column too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.statistics.verdicts import verdict_of

Floats = np.ndarray[Any, np.dtype[np.float64]]

CONFIDENCE = 0.95
LEAST_TIME_S = 1e-10
"""A block below the floor is noise; it counts as this, so that logarithms exist."""
BETWEEN_PROCESSES = 0.027
"""Between-process standard deviation of a ratio that one process alone must allow for: the largest that was seen for
two distinct operations of 4 µs, `x + x` and `2 * x`. `python -m bench selftest` finds this machine's own."""
SEGMENT = ["cell_id", "process", "segment"]


@dataclass(frozen=True)
class Ratio:
    """A time over the baseline's, below 1 is faster; its 95 % interval, over how many processes, degrees of freedom.

    Of one process alone the interval is about that process: `verdict` then wants the band cleared by three times what
    processes differ by.
    """

    ratio: float
    low: float
    high: float
    processes: int
    degrees: float

    @property
    def verdict(self) -> str:
        """faster, slower, same or undecided, by the interval and the ±1 % band."""
        if self.processes == 1:
            wide = float(np.exp(3 * BETWEEN_PROCESSES))
            return verdict_of(self.low / wide, self.high * wide)
        return verdict_of(self.low, self.high)

    def __str__(self) -> str:
        alone = " (one process alone)" if self.processes == 1 else ""
        return f"{self.ratio:.4g} [{self.low:.4g}, {self.high:.4g}], {self.verdict}{alone}"


def t_quantile(degrees: Any) -> Any:
    """Student's t quantile of a two-sided 95 % interval; the normal's for infinitely many degrees of freedom."""
    from scipy import stats

    return stats.t.ppf((1 + CONFIDENCE) / 2, degrees)


def log_interval(logs: Floats) -> tuple[float, float, float, float]:
    """exp of mean, low and high of a 95 % t interval, and its degrees; NaN bounds where one value is all there is."""
    mean, degrees = float(np.mean(logs)), len(logs) - 1
    if degrees < 1:
        return float(np.exp(mean)), float("nan"), float("nan"), 0.0
    half = float(t_quantile(degrees) * np.std(logs, ddof=1) / np.sqrt(len(logs)))
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half)), float(degrees)


def net_s(samples: pd.DataFrame) -> pd.Series[float]:
    """Seconds per call less the floor. The device clock has none: its events bracket the device's work alone."""
    if "floor_s" not in samples:
        return samples["time_s"]
    floor = samples["floor_s"].fillna(0.0).where(samples["clock"] == "wall", 0.0)
    return (samples["time_s"] - floor).clip(lower=LEAST_TIME_S)


def segment_logs(samples: pd.DataFrame, clock: str = "wall") -> pd.DataFrame:
    """Per cell, process and segment: `log` of the median sample, in log seconds."""
    of_clock = samples[samples["clock"] == clock]
    logs = of_clock[SEGMENT].assign(log=np.log(net_s(of_clock)))
    return logs.groupby(SEGMENT, observed=True, sort=False)["log"].median().reset_index()


def paired_logs(samples: pd.DataFrame, baselines: Mapping[str, str]) -> pd.DataFrame:
    """Per cell, process and segment: `log` of the time over the baseline's (`baselines`: cell → cell), paired by round.

    In each round, the log of the block's time less the median log of the baseline's blocks in that round; over the
    rounds of a segment, their median. Exchangeable arms then have a symmetric error, however skewed their blocks.
    """
    wall = samples[samples["clock"] == "wall"]
    wall = wall.assign(log=np.log(net_s(wall)), cell_id=wall["cell_id"].astype(str))
    wall["baseline"] = wall["cell_id"].map(baselines)
    keys = ["baseline", "process", "segment", "round"]
    of_baselines = wall[wall["cell_id"].isin(set(baselines.values()))].assign(baseline=wall["cell_id"])
    beside = of_baselines.groupby(keys, sort=False)["log"].median().rename("beside").reset_index()
    pairs = wall.dropna(subset=["baseline"]).merge(beside, on=keys)
    pairs["log"] -= pairs["beside"]
    return pairs.groupby(SEGMENT, sort=False)["log"].median().reset_index()


def over_processes(logs: pd.DataFrame) -> pd.DataFrame:
    """Per cell, from a frame of cell_id, process, segment, log: `mean`, `variance` of one value, `count`, `processes`.

    The values are processes' means over their segments; of one process alone, its segments. `within` is the mean
    squared standard error of those means, by their segments: NaN where no process has two.
    """
    of_process = logs.groupby(["cell_id", "process"], sort=False)["log"].agg(["mean", "var", "count"]).reset_index()
    of_process["within"] = of_process["var"] / of_process["count"]
    of_cell = of_process.groupby("cell_id", sort=False)
    found = pd.DataFrame({"mean": of_cell["mean"].mean(), "variance": of_cell["mean"].var()})
    found["count"] = of_cell["mean"].count()
    found["within"] = of_cell["within"].mean()
    found["processes"] = found["count"]
    alone = found["processes"] == 1
    only = of_process[of_process["cell_id"].isin(found.index[alone])].set_index("cell_id")
    found.loc[alone, "variance"], found.loc[alone, "count"] = only["var"], only["count"]
    return found


def paired_ratio(samples: pd.DataFrame, arm: str, baseline: str) -> Ratio:
    """Time of `arm` over `baseline` (values of the column `cell_id`), with its interval and verdict.

    Raises KeyError where no round of one process holds both.
    """
    both = samples[samples["cell_id"].isin([arm, baseline])]
    logs = paired_logs(both, {arm: baseline})
    if logs.empty:
        why = "; ".join(samples.attrs.get("failures", {}).values()) or "measure them in one case"
        raise KeyError(f"{arm} and {baseline} share no round of one process: {why}")
    processes = logs["process"].nunique()
    values = logs.groupby("process")["log"].mean() if processes > 1 else logs["log"]
    mean, low, high, degrees = log_interval(values.to_numpy())
    return Ratio(mean, low, high, processes, degrees)
