"""Loads any number of run folders as pandas frames. A run that cannot be read is named on stderr and left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gradiometer.analysis.low_quantile import low_quantile_logs
from gradiometer.analysis.scores import RANGE, READ, SUMMARY, summarised
from gradiometer.analysis.text import mapping, short
from gradiometer.analysis.work import with_limits
from gradiometer.statistics import with_intervals
from gradiometer.storage import schema
from gradiometer.storage.tables import read_arrow, read_table
from gradiometer.storage.validate import StoreError, read_description

CELL = ["run_id", "cell_id"]
"""Columns that identify a row of `cells`."""

CONFIGURATION = ["device", "threads", "numerics", "cache"]
SERIES = ["run_id", "problem", "wrt", "shape", "dtype", *CONFIGURATION]
"""Columns that identify a curve over sizes: a case without its size. `shape` is explained at `Frames`."""

TABLES = ("cells", "segments", "scores", "derivations")


@dataclass(frozen=True)
class Frames:
    """The tables of one or several runs, concatenated in the order of the runs.

    Columns are those of `gradiometer.storage.schema`, with texts as plain strings. `cells` has in addition the ends of
    the 95 % intervals (`time_low_s`, `time_high_s`, `ratio_low`, `ratio_high`); `shape`, the dimensions that the study
    overrode, as multiples of the size (`m = 32 n` for size n), otherwise empty; `machine`, the name of the processor or
    GPU; and the columns of `work.with_limits`. `scores` summarises the errors over seeds: see
    `gradiometer.analysis.scores.summarised`.
    """

    runs: list[dict[str, Any]]
    cells: pd.DataFrame
    segments: pd.DataFrame
    scores: pd.DataFrame
    derivations: pd.DataFrame
    folders: list[Path] = field(default_factory=list)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The raw samples, read when first used, because there are many and `cells` summarises them."""
        return self.read("samples")

    @cached_property
    def errors(self) -> pd.DataFrame:
        """The scores of every gradient, read when first used, because there are many and `scores` summarises them."""
        return self.read("errors")

    @cached_property
    def low_quantiles(self) -> pd.DataFrame:
        """Low quantiles of block times by cell and process, reduced when first used: see `low_quantile_logs`."""
        return pd.concat(map(low_quantile_logs, self.folders), ignore_index=True)

    def read(self, name: str) -> pd.DataFrame:
        """Read one table of all the runs from their folders. Raises StoreError, which names the file."""
        return pd.concat([_plain_text(read_table(folder, name)) for folder in self.folders], ignore_index=True)

    def of_run(self, run_id: str) -> Frames:
        """The same tables, with the rows of one run only."""
        if [run["run_id"] for run in self.runs] == [run_id]:
            return self
        kept = [place for place, run in enumerate(self.runs) if run["run_id"] == run_id]
        tables = {name: (table := getattr(self, name))[table["run_id"] == run_id] for name in TABLES}
        return Frames([self.runs[i] for i in kept], **tables, folders=[self.folders[i] for i in kept])


def load(paths: str | Path | Iterable[str | Path]) -> Frames:
    """Load one run folder or several. A run that cannot be read is named on stderr and left out.

    Raises StoreError where none can be read.
    """
    runs: list[dict[str, Any]] = []
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    folders: list[Path] = []
    refused: list[str] = []
    for folder in dict.fromkeys(Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)):
        try:
            run, found = _load_one(folder)
            if run["run_id"] in {other["run_id"] for other in runs}:
                raise StoreError(f"{folder}: a second run named {run['run_id']!r}; give each run once")
        except StoreError as error:
            refused.append(str(error))
            continue
        runs.append(run)
        folders.append(folder)
        for name, table in found.items():
            tables[name].append(table)
    if not runs:
        raise StoreError("; ".join(refused) or "expected at least one run folder, got none; name one under results/")
    for message in refused:
        print(f"warning: left out: {message}", file=sys.stderr)
    whole = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    cases = whole["cells"][["case_id", "problem", "wrt", "size", "dims"]].drop_duplicates("case_id")
    shapes = {case[0]: _shape(*case) for case in cases.itertuples(index=False)}
    whole["cells"]["shape"] = whole["cells"]["case_id"].map(shapes).astype(object)
    return Frames(runs, **whole, folders=folders)


def _load_one(folder: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    run = read_description(folder)
    tables = {name: _plain_text(read_table(folder, name)) for name in ("cells", "segments", "derivations")}
    tables["scores"] = summarised(read_arrow(folder, "errors", READ))
    cells = with_limits(with_intervals(tables["cells"]), run.get("peak_rates"))
    tables["cells"] = cells.assign(machine=cells["device"].map(lambda device: _machine(run, device)).astype(object))
    named = {str(run_id) for table in tables.values() for run_id in table["run_id"].unique()}
    if len(named) > 1:
        raise StoreError(
            f"{folder}: expected the tables of one run, found those of {', '.join(sorted(named))}; restore the folder"
        )
    # The run_id of the rows joins the tables, so it names the run, whatever run.json says.
    run["run_id"] = str(cells["run_id"].iloc[0] if len(cells) else run.get("run_id", folder.name))
    return run, tables


def _machine(run: Mapping[str, Any], device: str) -> str:
    """The name of the processor, or of the GPUs, on which the cells of a run were computed."""
    machine = mapping(run.get("machine"))
    gpus = machine.get("gpus")
    names = [str(gpu.get("name")) for gpu in gpus if isinstance(gpu, dict)] if isinstance(gpus, list) else []
    return str(machine.get("cpu") or "unknown") if device == "cpu" else ", ".join(dict.fromkeys(names)) or "unknown"


def _plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as plain strings: no group is then empty, and runs with different categories concatenate."""
    categories = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(categories, "object"))


def _shape(case_id: str, problem: str, wrt: str, size: int, dims: str) -> str:
    """`m = 32 n` of `…-n256_m8192-float32-…`; empty where the study overrode no dimension."""
    token = case_id.removeprefix(f"{problem}-{wrt}-").split("-", 1)[0]
    overridden = token.split("_")[1:]
    pairs = [dim.split("=") for dim in dims.split()]
    return ", ".join(f"{name} = {int(value) / size:.3g} n" for name, value in pairs if name + value in overridden)


MACHINES = "machines"
"""Folder under results/ that holds the committed runs of real machines; users' runs go beside it."""


def find(run: str, results: Path) -> Path:
    """The folder of a run: a path, or a name in `results` or `results`/machines. Raises StoreError if there is none."""
    for folder in (Path(run), results / run, results / MACHINES / run):
        if folder.is_dir():
            return folder
    raise StoreError(
        f"{run}: expected a run folder or the name of a run in {results}/ or {results / MACHINES}/, found neither; "
        f"see `ls {results}`"
    )


def newest(results: Path) -> Path:
    """The run in `results` or `results`/machines that started last. Raises StoreError if there is none with tables."""
    started: dict[Path, str] = {}
    for folder in sorted([*results.glob("*/"), *results.glob(f"{MACHINES}/*/")]):
        if not (folder / "cells.parquet").is_file():
            continue
        try:
            started[folder] = str(read_description(folder).get("started", ""))
        except StoreError as error:
            print(f"warning: left out: {error}", file=sys.stderr)
    if not started:
        raise StoreError(f"{results}/: expected a run folder, found none; make one with `pytest --benchmark-only`")
    return max(started, key=lambda folder: (started[folder], folder.name))


def described(run: Mapping[str, Any], kind: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The entries of run.json for the `names` of `kind` (`problems` or `methods`), in the order of their `order`.

    Every entry has a `label` and an `order`; where run.json has none, they follow from the name and its place.
    """
    recorded = mapping(run.get(kind))
    found = {}
    for place, name in enumerate(dict.fromkeys(names)):
        entry = mapping(recorded.get(name))
        order = entry.get("order")
        found[name] = entry | {
            "label": short(entry.get("label") or name, 100),
            "order": order if isinstance(order, int) else len(recorded) + place,
        }
    return dict(sorted(found.items(), key=lambda item: int(item[1]["order"])))


def methods_of(run: Mapping[str, Any], cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Label, family and order of every method that run.json or `cells` names, in order."""
    families = dict(zip(cells["method"], cells["family"], strict=True))
    methods = described(run, "methods", [*mapping(run.get("methods")), *families])
    return {
        name: entry | {"family": str(families.get(name) or entry.get("family") or "other")}
        for name, entry in methods.items()
    }


def timed(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that have a time."""
    return cells[cells["status"].isin(schema.TIMED_STATUSES) & (cells["time_s"] > 0)]


def analytic(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the hand-written forms."""
    return frame[frame["family"] == "analytic"]


def forms_and_autograd(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the forms and of autograd, for figures and sentences with room for few methods."""
    return frame[(frame["family"] == "analytic") | (frame["method"] == schema.BASELINE)]


def error_summary(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """One row per scored cell and kind of data: the columns of `cells`, of `scores.SUMMARY` and of `scores.RANGE`."""
    own = of_cells(scores, cells)
    return cells.merge(own.loc[own["seeds"] > 0, [*CELL, "data", *SUMMARY, *RANGE]], on=CELL, how="inner")


def with_error(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """`cells` with the columns of `scores.SUMMARY` on uniform data, which is the data that is timed."""
    own = of_cells(scores, cells)
    on_timed_data = (own["seeds"] > 0) & (own["data"] == schema.TIMED_DATA)
    return cells.merge(own.loc[on_timed_data, [*CELL, *SUMMARY]], on=CELL, how="left")


def of_cells(scores: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of `scores` for `cells`. Select them before a merge, which otherwise takes ten times as long."""
    return scores[scores["cell_id"].isin(cells["cell_id"])]


def flatten(value: object, name: str = "") -> dict[str, str]:
    """Nested dictionaries and lists as one dictionary of dotted names: `{"gpu": {"ecc": 1}}` → `gpu.ecc: 1`.

    Lists of dictionaries are sorted, because libraries are recorded in any order.
    """
    if isinstance(value, dict) and value:
        parts = [flatten(item, f"{name}.{key}" if name else str(key)) for key, item in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        in_order = sorted(value, key=str)
        return flatten({str(place): item for place, item in enumerate(in_order)}, name)
    if isinstance(value, (list, dict)):
        return {name: ", ".join(map(str, value)) or "none"}
    return {name: "unknown" if value is None else str(value)}
