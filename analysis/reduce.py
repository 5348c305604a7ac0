"""Reduces large Arrow tables to small frames with DuckDB, without a copy of the tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradiometer.storage.validate import StoreError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MEMORY = "1GB"


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reduce(sql: str, tables: Mapping[str, pa.Table], parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Result of `sql` over `tables`, which it names. It cannot read anything else, nor write or fetch.

    Pass values as `parameters` ($name), never within `sql`. Raises StoreError where it takes more than MEMORY.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": usable_cores(),
        "memory_limit": MEMORY,
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "lock_configuration": True,
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        try:
            return connection.execute(sql, dict(parameters or {})).fetch_df()
        except duckdb.OutOfMemoryException:
            raise StoreError(f"the runs' rows take more than {MEMORY} to reduce; name fewer runs at once") from None
