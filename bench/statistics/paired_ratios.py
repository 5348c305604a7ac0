"""Times and ratios from raw samples: per block, per process, and over processes.

Samples are a frame with the columns of `samples` (see `gradiometer.storage.schema`). Where the frame also has the
column `overhead_s`, the time of an empty call in the same segment, that overhead is subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradiometer.statistics.estimates import Estimate
from gradiometer.statistics.verdicts import decide

LEAST_TIME_S = 1e-10
"""Time given to a block that is faster than the overhead, so that its logarithm exists."""
SEGMENT = ["cell_id", "process", "segment"]


@dataclass(frozen=True)
class Ratio(Estimate):
    """A time over the baseline's time; below 1 is faster.

    With one process, the interval holds within that process only, and the verdict asks for more: see `decide`.
    """

    processes: int

    @property
    def ratio(self) -> float:
        """The estimate itself."""
        return self.value

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    @property
    def verdict(self) -> str:
        """faster, slower, same or undecided, by `decide`."""
        return decide([self.value], [self.log_se], [self.df], [self.processes])[0] or "undecided"

    def __str__(self) -> str:
        low, high = self.interval()
        note = " (one process only)" if self.processes == 1 else ""
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}], {self.verdict}{note}"


def net_s(samples: pd.DataFrame) -> pd.Series[float]:
    """Seconds per call without the overhead. Only wall-clock samples have an overhead to subtract."""
    if "overhead_s" not in samples:
        return samples["time_s"]
    overhead = samples["overhead_s"].fillna(0.0).where(samples["clock"] == "wall", 0.0)
    return (samples["time_s"] - overhead).clip(lower=LEAST_TIME_S)


def block_logs(samples: pd.DataFrame, clock: str = "wall") -> pd.DataFrame:
    """One row per block: its cell, process and segment, and `log`, the natural logarithm of its time in seconds."""
    of_clock = samples[samples["clock"] == clock]
    return of_clock[SEGMENT].assign(log=np.log(net_s(of_clock)))


def paired_logs(samples: pd.DataFrame, baselines: Mapping[str, str]) -> pd.DataFrame:
    """One row per block: its cell, process and segment, and `log`, the natural logarithm of its time ratio.

    `baselines` maps a cell to its baseline. Blocks are paired by round: the denominator is the median of its blocks
    in the same round and process. The error of such a log ratio is symmetric for candidates of the same distribution,
    even where their block times are skewed.
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
    """One row per cell and process, from `block_logs` or `paired_logs`.

    Columns: `median` over the blocks, their `count`; `segments`, the number of segments, and `variance`, that of
    their medians; `within`, the squared standard error of `median` from the spread of the blocks (1.2533 · 1.4826 ·
    median absolute deviation / √count), NaN with fewer than four blocks.
    """
    keys = ["cell_id", "process"]
    codes, names = pd.factorize(blocks["cell_id"])
    blocks = blocks.assign(cell_id=codes)  # grouping by integers is three times as fast
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
    """One row per cell, from `by_process`: mean and variance of the medians of its processes, or of its segments where
    there is one process only.

    Columns: `mean`, `variance`, `count` (of the medians), `processes`, mean `within`, `blocks`.
    """
    of_cell = processes.groupby("cell_id", sort=False, observed=True)
    found = pd.DataFrame({"mean": of_cell["median"].mean(), "variance": of_cell["median"].var()})
    found["count"] = found["processes"] = of_cell["median"].count()
    found["within"], found["blocks"] = of_cell["within"].mean(), of_cell["count"].sum()
    alone = found["processes"] == 1
    found.loc[alone, ["variance", "count"]] = of_cell[["variance", "segments"]].first()[alone].to_numpy()
    return found


def paired_ratio(samples: pd.DataFrame, candidate: str, baseline: str) -> Ratio:
    """Time of `candidate` over the time of `baseline` (values of the column `cell_id`), with interval and verdict.

    Raises KeyError where the two share no round of one process.
    """
    logs = paired_logs(samples[samples["cell_id"].isin([candidate, baseline])], {candidate: baseline})
    if logs.empty:
        why = "; ".join(samples.attrs.get("failures", {}).values()) or "measure them in one case"
        raise KeyError(f"{candidate} and {baseline} share no round of one process: {why}")
    found = over_processes(by_process(logs)).iloc[0]
    df = float(found["count"] - 1)
    log_se = float(np.sqrt(found["variance"] / found["count"])) if df else float("nan")
    return Ratio(float(np.exp(found["mean"])), log_se, df or float("nan"), int(found["processes"]))
