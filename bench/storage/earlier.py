"""Runs of schema versions 1 and 2: how their columns become those of the current version."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from gradiometer.statistics import t_quantile

if TYPE_CHECKING:
    import pyarrow as pa

ADDED = {
    "cells": ("setup_log_se", "setup_df"),
    "derivations": ("remarks", "chance_log2", "seed"),
    "errors": ("n_zeroed",),
    "segments": ("power_w", "foreign_processes", "pressure_s", "load_1min", "unread"),
}
"""Columns that earlier versions lack, by table. They are read as null."""

RENAMED = {"cells": {"interference": "disturbed"}, "segments": {"overhead_s": "floor_s", "interference": "disturbed"}}
"""Columns by table, with the name that each had before version 3."""

INTERVALS = {
    "time_log_se": ("time_low_s", "time_high_s", "processes", "time_degrees"),
    "time_df": ("processes", "time_degrees"),
    "ratio_log_se": ("ratio_low", "ratio_high", "processes", "ratio_degrees"),
    "ratio_df": ("processes", "ratio_degrees"),
}
"""Columns of `cells` that version 3 stores, with those of version 2 that they follow from. Version 1 has no degrees."""


def origins(table: str, column: str, found: Collection[str]) -> tuple[str, ...] | None:
    """Columns of a file (`found`) that `column` is read from; empty where it is read as null, None where it lacks."""
    if column in found:
        return (column,)
    old = RENAMED.get(table, {}).get(column)
    if old is not None and old in found:
        return (old,)
    parts = INTERVALS.get(column, ()) if table == "cells" else ()
    if parts and all(part in found for part in parts if not part.endswith("_degrees")):
        return tuple(part for part in parts if part in found)
    return () if column in ADDED.get(table, ()) else None


def column_of(name: str, parts: tuple[str, ...], table: pa.Table) -> Any:
    """The column `name`, from its `origins` in `table`."""
    import pyarrow as pa

    if not parts:
        return pa.nulls(len(table))
    if name in parts or name not in INTERVALS:
        return table[parts[0]]
    columns = [table[part].to_numpy().astype(float) for part in parts]
    values = log_se_of_interval(*columns) if name.endswith("_log_se") else df_of_interval(*columns)
    return pa.array(values, from_pandas=True)


def log_se_of_interval(low: Any, high: Any, processes: Any, degrees: Any = np.nan) -> Any:
    """Standard error of a log, from the ends of its 95 % interval."""
    return (np.log(high) - np.log(low)) / 2 / t_quantile(df_of_interval(processes, degrees))


def df_of_interval(processes: Any, degrees: Any = np.nan) -> Any:
    """Degrees of freedom of an interval: `degrees` where version 2 stores them, otherwise processes − 1.

    With one process, version 1 took the interval over its segments and did not store their number: infinity is used.
    """
    return np.where(np.isnan(degrees), np.where(processes > 1, processes - 1.0, np.inf), degrees)


def renamed(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a journal, with the column names of the current version."""
    return row | {new: row[old] for new, old in RENAMED.get(table, {}).items() if old in row}
