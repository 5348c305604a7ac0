"""Recovery of a run that was cut short: the tables are built from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradiometer.storage.journal import JOURNAL, lock
from gradiometer.storage.tables import build_tables
from gradiometer.storage.validate import StoreError


@dataclass(frozen=True)
class Recovery:
    """What was recovered: the number of cells by status, and the numbers of damaged lines of the journal.

    With damaged lines, the journal is kept in the run folder as `journal-damaged.jsonl`.
    """

    statuses: dict[str, int]
    lost_lines: list[int]


def recover(folder: Path) -> Recovery:
    """Build the tables of a run that was cut short.

    Raises StoreError where there is nothing to recover, and where the run is still going.
    """
    path = folder / JOURNAL
    if not path.is_file():
        if (folder / "cells.parquet").is_file():
            raise StoreError(f"{folder}: the run is complete; nothing to recover")
        raise StoreError(f"{folder}: expected a run folder with {JOURNAL}, found none; name an interrupted run")
    with path.open("rb") as file:
        if not lock(file):
            raise StoreError(f"{folder}: the run is still going; wait until it ends, or stop it first")
        lost: list[int] = []
        cells = build_tables(folder, lost, state="recovered")["cells"]
    return Recovery({str(status): int(count) for status, count in cells["status"].value_counts().items()}, lost)
