"""One time, one ratio: from samples to an estimate with its 95 % interval.

Samples are a frame with the columns of `samples` in `storage.schema`; `overhead_s`, the empty call's time in the same
segment, is subtracted where it is a column too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.statistics.verdicts import verdict_of

Floats = np.ndarray[Any, np.dtype[np.float64]]

CONFIDENCE = 0.95
LEAST_TIME_S = 1e-10
"""A block below the overhead is noise; it counts as this, so that logarithms exist."""
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
    from scipy.special import stdtrit  # what stats.t.ppf comes to, without the tenth of a millisecond around it

    return stdtrit(degrees, (1 + CONFIDENCE) / 2)


def net_s(samples: pd.DataFrame) -> pd.Series[float]:
    """Seconds per call less the overhead. The device clock has none: its events bracket the device's work alone."""
    if "overhead_s" not in samples:
        return samples["time_s"]
    overhead = samples["overhead_s"].fillna(0.0).where(samples["clock"] == "wall", 0.0)
    return (samples["time_s"] - overhead).clip(lower=LEAST_TIME_S)


def block_logs(samples: pd.DataFrame, clock: str = "wall") -> pd.DataFrame:
    """Per block: its cell, process and segment, and `log`, its time in log seconds."""
    of_clock = samples[samples["clock"] == clock]
    return of_clock[SEGMENT].assign(log=np.log(net_s(of_clock)))


def paired_logs(samples: pd.DataFrame, baselines: Mapping[str, str]) -> pd.DataFrame:
    """Per block: its cell, process and segment, and `log` of its time over the baseline's (`baselines`: cell → cell).

    Paired by round: the log of the block's time less the median log of the baseline's blocks in that round. Of
    exchangeable candidates that is a symmetric error, however skewed their blocks.
    """
    wall = samples[samples["clock"] == "wall"]
    codes, names = pd.factorize(wall["cell_id"])
    code_of = {str(name): code for code, name in enumerate(names)}
    baseline_of = np.array([code_of.get(baselines.get(name, ""), -1) for name in code_of], dtype=np.int64)
    wall = wall[[*SEGMENT, "round"]].assign(log=np.log(net_s(wall)), baseline=baseline_of[codes])
    keys = ["baseline", "process", "segment", "round"]
    is_baseline = np.isin(codes, baseline_of)
    beside = wall[is_baseline].assign(baseline=codes[is_baseline]).groupby(keys, sort=False)["log"].median()
    pairs = wall[wall["baseline"] >= 0].merge(beside.rename("beside").reset_index(), on=keys)
    return pairs[SEGMENT].assign(log=pairs["log"] - pairs["beside"])


def by_process(blocks: pd.DataFrame) -> pd.DataFrame:
    """Per cell and process, from `block_logs` or `paired_logs`: `median` over its `count` blocks, and what it would be
    worth alone: `segments` with a median of their own, and those medians' `variance`.

    `within` is the squared standard error of the median by the blocks' spread (1.2533 · 1.4826 · median absolute
    deviation / √n); NaN where there are fewer than four blocks.
    """
    keys = ["cell_id", "process"]
    codes, names = pd.factorize(blocks["cell_id"])
    blocks = blocks.assign(cell_id=codes)  # numbers group three times as fast as texts
    logs = blocks.groupby(keys, sort=False, observed=True)["log"]
    deviation = (blocks["log"] - logs.transform("median")).abs()
    spread = 1.2533 * 1.4826 * deviation.groupby([blocks[key] for key in keys], sort=False, observed=True).median()
    found = logs.agg(["median", "count"])
    found["within"] = (spread**2 / found["count"]).where(found["count"] >= 4)
    medians = blocks.groupby(SEGMENT, sort=False, observed=True)["log"].median()
    of_segments = medians.groupby(keys, sort=False, observed=True)
    found = found.assign(segments=of_segments.count(), variance=of_segments.var()).reset_index()
    return found.assign(cell_id=np.asarray(names)[found["cell_id"]])


def over_processes(processes: pd.DataFrame) -> pd.DataFrame:
    """Per cell, from `by_process`: `mean`, `variance` of one value, `count`, `processes`, mean `within`, `blocks`.

    The values are the processes' medians; of one process alone, its segments'.
    """
    of_cell = processes.groupby("cell_id", sort=False, observed=True)
    found = pd.DataFrame({"mean": of_cell["median"].mean(), "variance": of_cell["median"].var()})
    found["count"] = found["processes"] = of_cell["median"].count()
    found["within"], found["blocks"] = of_cell["within"].mean(), of_cell["count"].sum()
    alone = found["processes"] == 1
    found.loc[alone, ["variance", "count"]] = of_cell[["variance", "segments"]].first()[alone].to_numpy()
    return found


def paired_ratio(samples: pd.DataFrame, candidate: str, baseline: str) -> Ratio:
    """Time of `candidate` over `baseline` (values of the column `cell_id`), with its interval and verdict.

    Raises KeyError where no round of one process holds both.
    """
    logs = paired_logs(samples[samples["cell_id"].isin([candidate, baseline])], {candidate: baseline})
    if logs.empty:
        why = "; ".join(samples.attrs.get("failures", {}).values()) or "measure them in one case"
        raise KeyError(f"{candidate} and {baseline} share no round of one process: {why}")
    found = over_processes(by_process(logs)).iloc[0]
    degrees = float(found["count"] - 1)
    half = float(t_quantile(degrees) * np.sqrt(found["variance"] / found["count"])) if degrees else float("nan")
    ratio, low, high = (float(np.exp(found["mean"] + end)) for end in (0.0, -half, half))
    return Ratio(ratio, low, high, int(found["processes"]), degrees)
