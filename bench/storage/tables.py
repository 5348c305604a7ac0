"""Tables of a run: built from its journal, written as parquet, and read again.

results/<run_id>/run.json                   what ran, on what, with which versions
                 journal.jsonl              while the run lasts
                 cells.parquet, samples…    afterwards, always built from the journal
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gradiometer import statistics
from gradiometer.storage import earlier, schema
from gradiometer.storage.durable import replace, sync_folder, write_json
from gradiometer.storage.journal import JOURNAL, is_live, records
from gradiometer.storage.validate import DESCRIPTION, StoreError, check_size, read_description

if TYPE_CHECKING:
    import pyarrow as pa

DAMAGED = "journal-damaged.jsonl"
"""Name that a journal with damaged lines gets after its tables are built."""


def _tables_of(path: Path, lost: list[int]) -> dict[str, pd.DataFrame]:
    planned: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = {"cells": [], "segments": [], "errors": [], "derivations": []}
    samples: list[pd.DataFrame] = []
    for record in records(path, lost):
        if record["kind"] == "plan":
            planned = record["cells"]
            continue
        if record["kind"] == "derivations":
            rows["derivations"] += record["rows"]
            continue
        for name in ("cells", "segments", "errors"):
            rows[name].extend(record[name])
        if record["samples"].get("time_s"):
            samples.append(pd.DataFrame(record["samples"]))
    measured = {row["cell_id"] for row in rows["cells"]}
    never = {"status": "interrupted", "reason": "the run ended before this cell was measured"}
    rows["cells"] += [
        row | (never if row["status"] == "ok" else {}) for row in planned if row["cell_id"] not in measured
    ]
    order = {row["cell_id"]: position for position, row in enumerate(planned)}
    rows["cells"].sort(key=lambda row: order.get(row["cell_id"], len(order)))
    tables = {name: _frame(name, found) for name, found in rows.items()}
    tables["samples"] = pd.DataFrame(columns=list(schema.columns(schema.Sample)))
    if samples:
        whole = pd.concat(samples, ignore_index=True).assign(run_id=tables["cells"]["run_id"].iloc[0])
        tables["samples"] = whole[tables["samples"].columns]
    tables["cells"] = statistics.summarise(tables["cells"], tables["samples"], tables["segments"])
    return tables


def _frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a table as a frame. A column that a journal of an earlier version lacks is null."""
    absent: dict[str, Any] = dict.fromkeys(schema.columns(schema.TABLES[name]))
    return pd.DataFrame([absent | earlier.renamed(name, row) for row in rows], columns=list(absent))


def write_table(folder: Path, name: str, table: pa.Table) -> None:
    """Write one table of a run durably, with a checksum for every page. Raises ValueError where the schema differs."""
    import pyarrow.parquet as pq

    expected = schema.arrow_schema(schema.TABLES[name])
    temporary = folder / f".{name}.parquet.new"
    pq.write_table(table.cast(expected), temporary, compression="zstd", compression_level=9, write_page_checksum=True)
    replace(folder / f"{name}.parquet", temporary)


def build_tables(folder: Path, lost: list[int] | None = None, **facts: Any) -> dict[str, pd.DataFrame]:
    """Build the parquet tables from the journal, add `facts` to run.json, then remove the journal.

    A damaged line of the journal costs what that line held. Its number is appended to `lost` and noted in run.json
    (`journal_lines_lost`), and the journal is renamed to DAMAGED instead of removed. Raises StoreError where the folder
    cannot be written; the journal is then left as it is.
    """
    import pyarrow as pa

    lost = [] if lost is None else lost
    tables = _tables_of(folder / JOURNAL, lost)
    facts |= {"schema_version": schema.SCHEMA_VERSION} | ({"journal_lines_lost": lost} if lost else {})
    try:
        for name, frame in tables.items():
            arrow = schema.arrow_schema(schema.TABLES[name])
            write_table(folder, name, pa.Table.from_pandas(frame, schema=arrow, preserve_index=False))
        write_json(folder / DESCRIPTION, read_description(folder) | facts)
        if lost:
            (folder / JOURNAL).rename(folder / DAMAGED)
        else:
            (folder / JOURNAL).unlink()
        sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror or error}; nothing measured is lost: make room, then "
            f"run `gradiometer recover {folder}`"
        ) from error
    return tables


def read_arrow(folder: Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one table of a run: the given columns, or all of them. Columns of text are dictionary-coded.

    The file's columns are checked against the schema, and every page that is read against its checksum. Raises
    StoreError, which names the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise StoreError(f"{path}: missing; {_remedy(folder)}")
    expected = schema.arrow_schema(schema.TABLES[name])
    wanted = list(expected.names if columns is None else columns)
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        check_size(path, file.metadata.num_rows, file.metadata.num_columns)
        found = file.schema_arrow.names
        origins = {column: earlier.origins(name, column, found) for column in expected.names}
        lacking = sorted(column for column, parts in origins.items() if parts is None)
        if lacking:
            raise StoreError(f"{path}: lacks the columns {', '.join(lacking)}; expected a table written by gradiometer")
        parts = {column: origins[column] or () for column in wanted}
        table = file.read(columns=sorted({part for column in wanted for part in parts[column]}))
        arrays = [earlier.column_of(column, parts[column], table) for column in wanted]
        return pa.table(arrays, names=wanted).cast(pa.schema([expected.field(column) for column in wanted]))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: not readable ({str(error).splitlines()[0][:120]}); restore the file") from None


def _remedy(folder: Path) -> str:
    if not (folder / JOURNAL).is_file():
        return "restore the file"
    return "the run is still going; wait until it ends" if is_live(folder) else f"run: gradiometer recover {folder}"


def read_table(folder: Path, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read one table of a run as a frame; columns of text are categories. Raises StoreError, which names the file."""
    frame: pd.DataFrame = read_arrow(folder, name, columns).to_pandas()
    return frame
