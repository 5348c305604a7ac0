"""Run folders: a journal while a run lasts, parquet built from it at the end. No torch here.

results/<run_id>/run.json                   what ran, on what, with which versions
                 journal.jsonl              while it runs: one fsynced line per measured case
                 cells.parquet, samples…    afterwards, always built from the journal
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gradiometer import statistics
from gradiometer.errors import GradiometerError
from gradiometer.storage import schema

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
JOURNAL, DESCRIPTION = "journal.jsonl", "run.json"
MOST_VALUES = 2_000_000_000
"""Rows × columns above which a table is refused unread: a small parquet file can unpack to hundreds of gigabytes."""


class StoreError(GradiometerError):
    """A run folder that cannot be read or written; the message says what was expected, what came, what to do."""


def check_name(name: str, what: str) -> str:
    """`name` itself, or StoreError: names become file names, so they are short, lower-case and stay in their folder."""
    if not NAME.fullmatch(name):
        raise StoreError(
            f"{what} {name!r}: expected a to z, 0 to 9, '.', '_' or '-', at most 64, a letter or digit first"
        )
    return name


def _plain(value: Any) -> Any:
    """`value` with non-finite floats as None: JSON has no NaN, and a null is what they mean in a row."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, temporary: Path) -> None:
    """Make `temporary` durable under the name `path`, at once or not at all."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` durably; a reader sees the old file or the new one, never half."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    _replace(path, temporary)


@dataclass(frozen=True)
class CaseRecord:
    """All rows of one measured case, as they go into the journal; `samples` is columnar, as there are many."""

    case_id: str
    cells: list[schema.Cell]
    samples: dict[str, list[Any]]
    segments: list[schema.Segment]
    errors: list[schema.Error]


class Journal:
    """Appends one durable line per case. Raises StoreError where the folder cannot be written."""

    def __init__(self, folder: Path, description: Mapping[str, Any], plan: Iterable[schema.Cell]) -> None:
        check_name(folder.name, "run name")
        self._folder = folder
        try:
            folder.mkdir(parents=True)
            write_json(folder / DESCRIPTION, description)
            self._file = (folder / JOURNAL).open("x", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{folder}: {error.strerror}; give a folder that can be written with --study-out"
            ) from error
        self._append({"kind": "plan", "cells": [schema.as_dict(cell) for cell in plan]})
        _sync_folder(folder)

    def _append(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(_plain(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        try:
            self._file.write(line + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(
                f"{self._file.name}: {error.strerror}; what was measured before it is kept: recover the run"
            ) from error

    def append(self, record: CaseRecord) -> None:
        """The case is durable when this returns."""
        rows = {
            name: [schema.as_dict(row) for row in getattr(record, name)] for name in ("cells", "segments", "errors")
        }
        self._append({"kind": "case", "case_id": record.case_id, "samples": record.samples, **rows})

    def append_derivations(self, rows: Iterable[schema.Derivation]) -> None:
        """The verdicts on the derivations; durable when this returns."""
        self._append({"kind": "derivations", "rows": [schema.as_dict(row) for row in rows]})

    def describe(self, **facts: Any) -> None:
        """Add facts to run.json; durable when this returns."""
        try:
            write_json(self._folder / DESCRIPTION, read_description(self._folder) | facts)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}; give a folder that can be written") from error

    def close(self) -> None:
        """Close the file; the tables are then built by `build_tables`."""
        self._file.close()


def _journal_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The journal's whole records; a last line cut short by the end of its process is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                if not line.endswith("\n"):
                    return
                raise StoreError(
                    f"{path}, line {number}: expected a JSON record, found something else; restore the file"
                ) from None
            if not isinstance(record, dict) or record.get("kind") not in ("plan", "derivations", "case"):
                raise StoreError(
                    f"{path}, line {number}: expected a plan, derivations or a case, found {str(record)[:40]!r}"
                )
            yield record


def _tables_of(path: Path) -> dict[str, pd.DataFrame]:
    planned: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = {"cells": [], "segments": [], "errors": [], "derivations": []}
    samples: list[pd.DataFrame] = []
    for record in _journal_lines(path):
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
    tables = {name: _frame(found, schema.TABLES[name]) for name, found in rows.items()}
    if samples:
        run_id = tables["cells"]["run_id"].iloc[0]
        tables["samples"] = pd.concat(samples, ignore_index=True).assign(run_id=run_id)[
            list(schema.columns(schema.Sample))
        ]
    else:
        tables["samples"] = pd.DataFrame(columns=list(schema.columns(schema.Sample)))
    tables["cells"] = statistics.summarise(tables["cells"], tables["samples"], tables["segments"])
    return tables


def _frame(rows: list[dict[str, Any]], row: type) -> pd.DataFrame:
    """Rows as a frame; a column that a journal of an earlier version lacks is null."""
    absent: dict[str, Any] = dict.fromkeys(schema.columns(row))
    return pd.DataFrame([absent | found for found in rows], columns=list(absent))


def write_table(folder: Path, name: str, table: pa.Table) -> None:
    """Write one table of a run durably, every page with its checksum. Raises ValueError where the schema differs."""
    import pyarrow.parquet as pq

    expected = schema.arrow_schema(schema.TABLES[name])
    temporary = folder / f".{name}.parquet.new"
    pq.write_table(table.cast(expected), temporary, compression="zstd", compression_level=9, write_page_checksum=True)
    _replace(folder / f"{name}.parquet", temporary)


def build_tables(folder: Path, **facts: Any) -> dict[str, pd.DataFrame]:
    """Build the parquet tables from the journal, add `facts` to run.json, then remove the journal.

    Raises StoreError for a journal that cannot be read; the journal is then left as it is.
    """
    import pyarrow as pa

    tables = _tables_of(folder / JOURNAL)
    for name, frame in tables.items():
        arrow = schema.arrow_schema(schema.TABLES[name])
        write_table(folder, name, pa.Table.from_pandas(frame, schema=arrow, preserve_index=False))
    write_json(folder / DESCRIPTION, read_description(folder) | facts)
    (folder / JOURNAL).unlink()
    _sync_folder(folder)
    return tables


def recover(folder: Path) -> dict[str, int]:
    """Make a run that was cut short readable; statuses → number of cells. Raises StoreError where nothing is left."""
    if not (folder / JOURNAL).is_file():
        whole = (folder / "cells.parquet").is_file()
        raise StoreError(
            f"{folder}: "
            + (
                "the run is whole; nothing to recover"
                if whole
                else "no journal.jsonl; expected a run folder that was cut short"
            )
        )
    cells = build_tables(folder, state="recovered")["cells"]
    return {str(status): int(count) for status, count in cells["status"].value_counts().items()}


def read_description(folder: Path) -> dict[str, Any]:
    """run.json, checked. Raises StoreError."""
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
    if "ceilings" in description:  # its name before version 3
        description["peak_rates"] = description.pop("ceilings")
    return dict(description)


def read_arrow(folder: Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One table of a run as an Arrow table: the `columns` asked for (all by default), texts dictionary-coded.

    The file's columns are checked against the schema, and the checksum of every page that is read. Raises StoreError
    naming the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    if not path.is_file():
        hint = f"run: python -m bench recover {folder}" if (folder / JOURNAL).is_file() else "restore the file"
        raise StoreError(f"{path}: missing; {hint}")
    expected = schema.arrow_schema(schema.TABLES[name])
    wanted = list(expected.names if columns is None else columns)
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        size = file.metadata.num_rows * file.metadata.num_columns
        if size > MOST_VALUES:
            raise StoreError(f"{path}: {size:,} values, at most {MOST_VALUES:,} are read; split the run")
        found = set(file.schema_arrow.names)
        earlier = {new: old for new, old in schema.RENAMED.get(name, {}).items() if new not in found and old in found}
        absent = set(expected.names) - found - set(earlier)
        lacking = sorted(absent - set(schema.ADDED.get(name, ())))
        if lacking:
            raise StoreError(f"{path}: lacks the columns {', '.join(lacking)}; expected a table written by gradiometer")
        table = file.read(columns=[earlier.get(column, column) for column in wanted if column not in absent])
        table = table.rename_columns({old: new for new, old in earlier.items() if new in wanted})
        for column in absent.intersection(wanted):
            table = table.append_column(column, pa.nulls(len(table)))
        return table.select(wanted).cast(pa.schema([expected.field(column) for column in wanted]))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: not readable ({str(error).splitlines()[0][:120]}); restore the file") from None


def read_table(folder: Path, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """`read_arrow` as a frame, texts as categories. Raises StoreError naming the file."""
    frame: pd.DataFrame = read_arrow(folder, name, columns).to_pandas()
    return frame
