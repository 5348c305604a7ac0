"""Fills the summary columns of `cells` from the raw rows: what `cells` holds is a cache of this."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gradiometer.statistics.estimates import block_logs, by_process, over_processes, paired_logs, t_quantile
from gradiometer.statistics.moderation import moderated
from gradiometer.storage.schema import BASELINE


def intervals_over(processes: pd.DataFrame, kinds: pd.Series[str]) -> pd.DataFrame:
    """Per cell, from `by_process` of a whole table: value, low, high, processes, degrees, blocks.

    Variances are moderated over the table's cells, each of the `kinds` (cell → kind) and each number of processes
    apart, along the variance that a cell's own blocks predict: a far slower candidate, called a few times, is no model for
    one called thousands of times.
    """
    found = over_processes(processes).assign(degrees=np.nan)
    kind_of = kinds.reindex(found.index)
    for (several, _), kind in found.groupby(["processes", kind_of]):
        if several == 1:
            found.loc[kind.index, "degrees"] = kind["count"] - 1.0
            continue
        unknown = kind["within"].isna()
        within = kind["within"].where(~unknown, kind.loc[unknown, "variance"].median()).clip(lower=1e-12)
        degrees = kind["count"].to_numpy(float) - 1
        both = moderated(kind["variance"].to_numpy(float), degrees, within.to_numpy(float))
        found.loc[kind.index, "variance"], found.loc[kind.index, "degrees"] = both
    half = t_quantile(found["degrees"].where(found["degrees"] > 0)) * np.sqrt(found["variance"] / found["count"])
    for name, end in (("value", 0.0), ("low", -half), ("high", half)):
        found[name] = np.exp(found["mean"] + end)
    return found[["value", "low", "high", "processes", "degrees", "blocks"]]


def measured(cells: pd.DataFrame, samples: pd.DataFrame, segments: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the summary takes of the raw rows, by process (`by_process`): of wall and device times, and of ratios.

    Runs whose processes are numbered apart add up: concatenate what each gives.
    """
    keys = ["case_id", "process", "segment"]
    taken = samples[[*keys, "cell_id", "round", "clock", "time_s"]]
    with_floors = taken.merge(segments[[*keys, "overhead_s"]], on=keys, how="left")
    baseline_of_case = cells[cells["method"] == BASELINE].set_index("case_id")["cell_id"]
    baselines = dict(zip(cells["cell_id"], cells["case_id"].map(baseline_of_case), strict=True))
    known = {cell: base for cell, base in baselines.items() if isinstance(base, str) and base != cell}
    logs = {
        "wall": block_logs(with_floors),
        "ratio": paired_logs(with_floors, known),
        "device": block_logs(with_floors, "device"),
    }
    return {name: by_process(blocks) for name, blocks in logs.items()}


def summarise(cells: pd.DataFrame, samples: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """`cells` with its summary columns filled from the raw rows: times, ratios, counts, share interference."""
    return cells.copy() if samples.empty else filled(cells, measured(cells, samples, segments), segments)


def filled(cells: pd.DataFrame, processes: Mapping[str, pd.DataFrame], segments: pd.DataFrame) -> pd.DataFrame:
    """`summarise`, from what `measured` gives."""
    cells = cells.copy()
    kinds = cells.set_index("cell_id")["family"]
    wall, ratio = (intervals_over(processes[name], kinds) for name in ("wall", "ratio"))
    for column, table, part in (
        *((f"time{end}_s", wall, part) for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))),
        *((f"ratio{end}", ratio, part) for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))),
        ("time_degrees", wall, "degrees"),
        ("ratio_degrees", ratio, "degrees"),
    ):
        cells[column] = cells["cell_id"].map(table[part])
    is_baseline = (cells["method"] == BASELINE) & cells["time_s"].notna()
    cells.loc[is_baseline, ["ratio", "ratio_low", "ratio_high"]] = 1.0  # over itself, exactly
    device = over_processes(processes["device"])["mean"]
    cells["device_time_s"] = cells["cell_id"].map(np.exp(device) if len(device) else {})
    cells["samples"] = cells["cell_id"].map(wall["blocks"]).fillna(0).astype("int64")
    cells["processes"] = cells["cell_id"].map(wall["processes"]).fillna(0).astype("int64")
    cells["interference"] = cells["case_id"].map(segments.groupby("case_id", observed=True)["interference"].mean())
    return cells
