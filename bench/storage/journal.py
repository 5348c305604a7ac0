"""Journal of a run: one durable line for every measured case. While the run lasts, the journal is locked."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from gradiometer.storage import schema
from gradiometer.storage.durable import sync_folder, to_json, write_json
from gradiometer.storage.validate import DESCRIPTION, StoreError, check_name, read_description

JOURNAL = "journal.jsonl"
KINDS = {"plan": {"cells"}, "derivations": {"rows"}, "case": {"case_id", "cells", "samples", "segments", "errors"}}
"""Kinds of records, with their keys."""


@dataclass(frozen=True)
class CaseRecord:
    """All rows of one measured case. `samples` maps a column to its values, because there are many."""

    case_id: str
    cells: list[schema.Cell]
    samples: dict[str, list[Any]]
    segments: list[schema.Segment]
    errors: list[schema.Error]


class Journal:
    """Creates a run folder and appends one durable line per case. Raises StoreError where it cannot be written.

    Close the journal after its tables are built: until then, `recover` refuses the run.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any], plan: Iterable[schema.Cell]) -> None:
        check_name(folder.name, "run name")
        self._folder = folder
        try:
            folder.mkdir(parents=True)
            write_json(folder / DESCRIPTION, description)
            self._file = FileIO(folder / JOURNAL, "x")  # unbuffered: a line that failed must not be written later
        except OSError as error:
            raise StoreError(
                f"{folder}: {error.strerror}; give a folder that can be written with --study-out"
            ) from error
        lock(self._file)
        self._append({"kind": "plan", "cells": [schema.as_dict(cell) for cell in plan]})
        sync_folder(folder)

    def _append(self, record: Mapping[str, Any]) -> None:
        line = memoryview((to_json(record) + "\n").encode())
        end = self._file.tell()
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # what was written of the line would spoil the next one
                self._file.truncate(end)
                self._file.seek(end)
            raise StoreError(
                f"{self._file.name}: {error.strerror}; earlier cases are kept: make room, then "
                f"run `gradiometer recover {self._folder}`"
            ) from error

    def append(self, record: CaseRecord) -> None:
        """Append a case; it is durable when this returns."""
        rows = {
            name: [schema.as_dict(row) for row in getattr(record, name)] for name in ("cells", "segments", "errors")
        }
        self._append({"kind": "case", "case_id": record.case_id, "samples": record.samples, **rows})

    def append_derivations(self, rows: Iterable[schema.Derivation]) -> None:
        """Append the verdicts on derivations; they are durable when this returns."""
        self._append({"kind": "derivations", "rows": [schema.as_dict(row) for row in rows]})

    def describe(self, **facts: Any) -> None:
        """Add facts to run.json; they are durable when this returns."""
        try:
            write_json(self._folder / DESCRIPTION, read_description(self._folder) | facts)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}; give a folder that can be written") from error

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()


def lock(file: Any) -> bool:
    """Lock an open journal until it is closed; False where another process holds the lock.

    Where the file system or the operating system cannot lock, the answer is True.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def is_live(folder: Path) -> bool:
    """Whether the run in `folder` is still going: another process, or a Journal of this one, holds its lock."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            return not lock(file)
    except OSError:
        return False


def records(path: Path, lost: list[int]) -> Iterator[dict[str, Any]]:
    """The whole records of a journal. The numbers of damaged lines are appended to `lost`.

    A last line without its end is not damage: the process ended while it wrote that line.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                record = None
            kind = record.get("kind") if isinstance(record, dict) else None
            if isinstance(record, dict) and isinstance(kind, str) and KINDS.get(kind, {""}) <= record.keys():
                yield record
            elif line.endswith("\n"):
                lost.append(number)
