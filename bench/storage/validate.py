"""Checks of what a run folder holds: names, run.json, and the columns and size of tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gradiometer.errors import GradiometerError
from gradiometer.storage import schema

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
DESCRIPTION = "run.json"
MOST_VALUES = 2_000_000_000
"""Largest number of values (rows × columns) of a table that is read: a small parquet file can unpack to 100 GB."""


class StoreError(GradiometerError):
    """A run folder that cannot be read or written."""


def check_name(name: str, what: str) -> str:
    """Return `name` if it is safe as a file name: short, lower-case, without folders. Raises StoreError otherwise."""
    if not NAME.fullmatch(name):
        raise StoreError(
            f"{what} {name!r}: expected a to z, 0 to 9, '.', '_' or '-', at most 64, a letter or digit first"
        )
    return name


def check_size(path: Path, rows: int, columns: int) -> None:
    """Raise StoreError for a table with more than MOST_VALUES values."""
    if rows * columns > MOST_VALUES:
        raise StoreError(f"{path}: {rows * columns:,} values, at most {MOST_VALUES:,} are read; split the run")


def read_description(folder: Path) -> dict[str, Any]:
    """The content of run.json, with the keys of the current version. Raises StoreError."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise StoreError(f"{folder}: no run.json; expected a run folder, as results/ holds them")
    try:
        description = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not JSON ({type(error).__name__}); restore the file") from None
    version = description.get("schema_version") if isinstance(description, dict) else None
    if version not in schema.READABLE_VERSIONS:
        readable = ", ".join(map(str, schema.READABLE_VERSIONS))
        raise StoreError(
            f"{path}: schema version {version!r}, this program reads {readable}; use the version that wrote it"
        )
    if "ceilings" in description:  # the key before version 3
        description["peak_rates"] = description.pop("ceilings")
    return dict(description)
