"""Summary columns of `cells`, computed from the raw rows: times, ratios, their errors, and counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gradiometer.statistics.estimates import Floats
from gradiometer.statistics.moderation import moderated
from gradiometer.statistics.modes import hidden_variance, split
from gradiometer.statistics.paired_ratios import block_logs, by_process, over_processes, paired_logs
from gradiometer.storage.schema import BASELINE


def estimates_over(processes: pd.DataFrame, kinds: pd.Series[str]) -> pd.DataFrame:
    """One row per cell, from `by_process` of a whole table: value, log_se, df, processes, blocks, modes.

    Variances are moderated over the cells of the same kind (`kinds` maps a cell to its kind) and the same number of
    processes. The variance that a cell's own blocks predict serves as the scale, because a slow candidate with few
    calls varies more than a fast one with thousands.

    A cell whose processes are in two timing modes keeps its own variance, and `modes` is true; the other cells of its
    kind get `modes.hidden_variance` in addition.
    """
    found = over_processes(processes).assign(df=np.nan, modes=False)
    added = pd.Series(0.0, found.index)
    kind_of = kinds.reindex(found.index)
    for (several, _), kind in found.groupby(["processes", kind_of]):
        if several == 1:
            found.loc[kind.index, "df"] = kind["count"] - 1.0
            continue
        unknown = kind["within"].isna()
        within = kind["within"].where(~unknown, kind.loc[unknown, "variance"].median()).clip(lower=1e-12)
        own_df = kind["count"].to_numpy(float) - 1
        both = moderated(kind["variance"].to_numpy(float), own_df, within.to_numpy(float))
        gaps, is_split = split(_medians(processes, kind.index))
        found.loc[kind.index, "variance"] = np.where(is_split, kind["variance"], both[0])
        found.loc[kind.index, "df"] = np.where(is_split, own_df, both[1])
        found.loc[kind.index, "modes"] = is_split
        added[kind.index] = np.where(is_split, 0.0, hidden_variance(gaps, is_split))
    found["df"] = found["df"].where(found["df"] > 0)
    found["value"] = np.exp(found["mean"])
    found["log_se"] = (found["variance"] / found["count"] + added).where(found["df"].notna()) ** 0.5
    return found[["value", "log_se", "df", "processes", "blocks", "modes"]]


def _medians(processes: pd.DataFrame, cells: pd.Index[str]) -> Floats:
    """The medians of the processes of cells that have equally many, one row per cell."""
    of_kind = processes[processes["cell_id"].isin(cells)]
    by_cell = {str(name): rows.to_numpy(float) for name, rows in of_kind.groupby("cell_id", observed=True)["median"]}
    return np.stack([by_cell[name] for name in cells])


def measured(cells: pd.DataFrame, samples: pd.DataFrame, segments: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Medians per cell and process (`by_process`) of wall times, device times and ratios: the input of `filled`.

    For several runs with distinct process numbers, concatenate the results.
    """
    keys = ["case_id", "process", "segment"]
    taken = samples[[*keys, "cell_id", "round", "clock", "time_s"]]
    with_overhead = taken.merge(segments[[*keys, "overhead_s"]], on=keys, how="left")
    baseline_of_case = cells[cells["method"] == BASELINE].set_index("case_id")["cell_id"]
    baselines = dict(zip(cells["cell_id"], cells["case_id"].map(baseline_of_case), strict=True))
    known = {cell: base for cell, base in baselines.items() if isinstance(base, str) and base != cell}
    logs = {
        "wall": block_logs(with_overhead),
        "ratio": paired_logs(with_overhead, known),
        "device": block_logs(with_overhead, "device"),
    }
    return {name: by_process(blocks) for name, blocks in logs.items()}


def summarise(cells: pd.DataFrame, samples: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """`cells` with its summary columns filled from the raw rows."""
    return cells.copy() if samples.empty else filled(cells, measured(cells, samples, segments), segments)


def filled(cells: pd.DataFrame, processes: Mapping[str, pd.DataFrame], segments: pd.DataFrame) -> pd.DataFrame:
    """`cells` with its summary columns filled from the result of `measured`."""
    cells = cells.copy()
    kinds = cells.set_index("cell_id")["family"]
    wall, ratio = (estimates_over(processes[name], kinds) for name in ("wall", "ratio"))
    for table, names in (
        (wall, {"time_s": "value", "time_log_se": "log_se", "time_df": "df"}),
        (ratio, {"ratio": "value", "ratio_log_se": "log_se", "ratio_df": "df"}),
    ):
        for column, part in names.items():
            cells[column] = cells["cell_id"].map(table[part])
    is_baseline = (cells["method"] == BASELINE) & cells["time_s"].notna()
    cells.loc[is_baseline, ["ratio", "ratio_log_se", "ratio_df"]] = 1.0, 0.0, np.inf  # exact: a time over itself
    device = over_processes(processes["device"])["mean"]
    cells["device_time_s"] = cells["cell_id"].map(np.exp(device) if len(device) else {})
    cells["samples"] = cells["cell_id"].map(wall["blocks"]).fillna(0).astype("int64")
    cells["processes"] = cells["cell_id"].map(wall["processes"]).fillna(0).astype("int64")
    cells["interference"] = cells["case_id"].map(segments.groupby("case_id", observed=True)["interference"].mean())
    return cells
