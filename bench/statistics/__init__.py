"""Estimates, paired ratios, summaries and verdicts: from raw samples to statements about times.

The process is the unit of inference, because processes differ by more than repetitions within one (T. Kalibera and R.
Jones, "Rigorous benchmarking in reasonable time", 2013). May import `storage.schema` only.
"""

from gradiometer.statistics.estimates import (
    Estimate,
    Floats,
    half_width,
    interval_ends,
    t_quantile,
    welch,
    with_intervals,
)
from gradiometer.statistics.moderation import moderated
from gradiometer.statistics.paired_ratios import LEAST_TIME_S, Ratio, block_logs, paired_logs, paired_ratio
from gradiometer.statistics.summary import filled, measured, summarise
from gradiometer.statistics.verdicts import BAND, BETWEEN_PROCESSES, LEVEL, decide

__all__ = [
    "BAND", "BETWEEN_PROCESSES", "LEAST_TIME_S", "LEVEL", "Estimate", "Floats", "Ratio",
    "block_logs", "decide", "filled", "half_width", "interval_ends", "measured", "moderated", "paired_logs",
    "paired_ratio", "summarise", "t_quantile", "welch", "with_intervals",
]  # fmt: skip
