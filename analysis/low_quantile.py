"""What a call takes while the machine is quiet: the time that runs are compared by. No torch here.

What else goes on on a machine only ever delays a call, so of two runs the lower blocks are more alike than the middle
ones (J. Chen & J. Revels, "Robust benchmarking in noisy environments", 2016, take the minimum). The lower twentieth of
a process's blocks is nearly as undisturbed and less at the mercy of one block. Over three runs of one shared machine
its standard deviation between processes is little more than half the median's.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gradiometer.analysis.reduce import reduce
from gradiometer.statistics import LEAST_TIME_S
from gradiometer.storage.tables import read_arrow

LOW_QUANTILE = 0.05
"""The quantile over a process's blocks."""

_QUERY = """
    select cell_id, process, ln(quantile_cont(net_s, $quiet)) as log
    from (
        select samples.cell_id, samples.process, greatest(time_s - coalesce(overhead_s, 0), $least) as net_s
        from samples left join segments using (case_id, process, segment)
        where clock = 'wall'
    )
    group by all
    order by all
"""


def low_quantile_logs(folder: Path) -> pd.DataFrame:
    """Of one run, per cell and process: `log`, the log of its quiet time in seconds, less the overhead.

    Raises StoreError where the samples cannot be read.
    """
    samples = read_arrow(folder, "samples", ["case_id", "cell_id", "process", "segment", "time_s", "clock"])
    segments = read_arrow(folder, "segments", ["case_id", "process", "segment", "overhead_s"])
    return reduce(_QUERY, {"samples": samples, "segments": segments}, {"quiet": LOW_QUANTILE, "least": LEAST_TIME_S})
