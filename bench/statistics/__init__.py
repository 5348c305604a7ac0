"""From raw samples to times, ratios, intervals and verdicts. No torch here: `analysis/` uses the same functions.

The process is the unit of inference, since processes differ by more than repetitions within one (Kalibera & Jones,
"Rigorous benchmarking in reasonable time", 2013). A ratio is paired by round: two blocks a few milliseconds apart share
the machine's state, blocks of one segment do not. Over the rounds of a process the median of those logs, over processes
Student's t, its variance moderated by the whole table's where there is a table.
"""

from gradiometer.statistics.estimates import (
    BETWEEN_PROCESSES,
    CONFIDENCE,
    LEAST_TIME_S,
    Ratio,
    block_logs,
    paired_logs,
    paired_ratio,
    t_quantile,
)
from gradiometer.statistics.moderation import moderated
from gradiometer.statistics.summary import filled, measured, summarise
from gradiometer.statistics.verdicts import BAND, LEVEL, decided, verdict_of

__all__ = [
    "BAND",
    "BETWEEN_PROCESSES",
    "CONFIDENCE",
    "LEAST_TIME_S",
    "LEVEL",
    "Ratio",
    "block_logs",
    "decided",
    "filled",
    "measured",
    "moderated",
    "paired_logs",
    "paired_ratio",
    "summarise",
    "t_quantile",
    "verdict_of",
]
