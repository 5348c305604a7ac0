"""Two runs, cell by cell: only what both measured, as ratios with intervals, and why the rest is not. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import pages, text
from analysis.frames import Frames, flatten, with_error
from analysis.intervals import Floats, half_width, log_standard_error, welch
from analysis.tables import MOST_ROWS, Table
from bench.schema import TIMED_STATUSES
from bench.statistics import decided

CASE = ["problem", "wrt", "size", "dims", "dtype"]
SAME_DEVICE = ["cell_id"]
OTHER_DEVICE = [*CASE, "numerics", "cache", "method"]
"""What matches cells of runs that have no device in common: a cell's name without device and threads."""

IDENTITY = ("machine", "versions", "study", "problems", "methods")
PASSING = {"machine.load_1min"}
"""State that differs from one minute to the next, and explains nothing afterwards."""


def compare(frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """Every cell that either run planned, A's columns ending in `_a` and B's in `_b`.

    `ratio` is B's time over A's with its 95 % interval, `verdict` of it, `error_ratio` B's relative error over A's;
    null where `reason` tells why the cell is not compared. `matched_by` is `cell_id`, or, for runs without a common
    device, `cell_id less device and threads`. The runs' processes are independent, so the interval is Welch's (1947)
    on the difference of mean log times: half-width t(ν)·√(s_a² + s_b²), ν by Satterthwaite (1946).
    """
    a, b = (with_error(frames.cells, frames.scores) for frames in (frames_a, frames_b))
    common = bool(set(a["device"]) & set(b["device"]))
    keys = SAME_DEVICE if common else OTHER_DEVICE
    told = [name for name in [*CASE, "method", "family"] if name not in keys]
    columns = [*keys, *told, *_MEASURED]
    both = a[columns].reset_index(names="place").merge(
        b[columns].reset_index(names="place"), on=keys, how="outer", suffixes=("_a", "_b")
    )  # fmt: skip
    both = both.sort_values(["place_a", "place_b"], ignore_index=True).drop(columns=["place_a", "place_b"])
    for name in told:
        both[name] = both.pop(f"{name}_a").combine_first(both.pop(f"{name}_b"))
    both = both.astype({"size": "int64", "threads_a": "Int64", "threads_b": "Int64"})
    both["reason"] = [
        _why_not(*row) for row in zip(*(both[f"{name}_{run}"] for run in "ab" for name in _STATE), strict=True)
    ]
    compared = both["reason"].isna()
    both["ratio"] = (both["time_s_b"] / both["time_s_a"]).where(compared)
    errors, degrees = _parts(both)
    half = np.where(compared, half_width(errors, degrees), np.nan)
    both["ratio_low"], both["ratio_high"] = both["ratio"] * np.exp(-half), both["ratio"] * np.exp(half)
    both["verdict"] = decided(both["ratio"], *welch(errors, degrees))
    both["error_ratio"] = (both["rel_fro_b"] / both["rel_fro_a"]).where(compared & (both["rel_fro_a"] > 0))
    both["matched_by"] = "cell_id" if common else "cell_id less device and threads"
    return both


_STATE = ("status", "time_s")
_MEASURED = ["device", "threads", *_STATE, "time_low_s", "time_high_s", "time_degrees", "rel_fro"]


def _why_not(status_a: str | None, time_a: float, status_b: str | None, time_b: float) -> str | None:
    """Why a cell is not compared: planned in one run only, or not timed in one of them; None where it is."""
    states = []
    for run, status, time_s in (("A", status_a, time_a), ("B", status_b, time_b)):
        if pd.isna(status):
            return f"not in {run}"
        if status not in TIMED_STATUSES or not time_s > 0:
            states.append(f"{status if status != 'ok' else 'no time'} in {run}")
    return ", ".join(states) or None


def _parts(both: pd.DataFrame) -> tuple[Floats, Floats]:
    degrees = [both[f"time_degrees_{run}"].to_numpy(float) for run in "ab"]
    errors = [
        log_standard_error(both[f"time_low_s_{run}"], both[f"time_high_s_{run}"], freedom)
        for run, freedom in zip("ab", degrees, strict=True)
    ]
    return np.stack(errors, axis=-1), np.stack(degrees, axis=-1)


def differences(frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """What the two run.json and the cells' numerics say differently: `what`, `a`, `b`; absent on one side reads –."""
    sides = []
    for frames in (frames_a, frames_b):
        run = frames.runs[0]
        told = flatten({name: run[name] for name in IDENTITY if run.get(name)})
        cells = {f"cells.{name}": ", ".join(sorted(map(str, set(frames.cells[name])))) for name in _CONDITIONS}
        sides.append(cells | told)
    names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if name not in PASSING]
    rows = [(name, sides[0].get(name, "–"), sides[1].get(name, "–")) for name in names]
    return pd.DataFrame([row for row in rows if row[1] != row[2]], columns=["what", "a", "b"])


_CONDITIONS = ("device", "threads", "numerics", "cache")


def summary(compared: pd.DataFrame) -> list[str]:
    """How many cells were compared, what their verdicts are, and why the rest was not."""
    return list(_summary(compared))


def _summary(compared: pd.DataFrame) -> Iterator[str]:
    measured = compared[compared["reason"].isna()]
    yield f"{len(measured)} of {len(compared)} cells are compared, matched by {compared['matched_by'].iloc[0]}."
    if len(measured):
        counts = {str(name): int(count) for name, count in measured["verdict"].value_counts().items()}
        low, middle, high = (float(measured["ratio"].quantile(share)) for share in (0.1, 0.5, 0.9))
        yield f"B against A: {text.counted(counts)}, over all of them at 5 % together (Holm), against a band of ±1 %."
        yield (
            f"B's time over A's: median {text.number(middle)} over these {len(measured)} cells, "
            f"{text.number(low)} to {text.number(high)} for the middle 80 %."
        )
    rest = compared["reason"].value_counts().items()
    if reasons := "; ".join(f"{count} {name}" for name, count in rest):
        yield f"Not compared: {reasons}."


def write_comparison(frames_a: Frames, frames_b: Frames, compared: pd.DataFrame, folder: Path) -> list[Path]:
    """Write compare.html, compare.md, compare.csv and differences.csv into `folder`; their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    different, cells = _differences_table(differences(frames_a, frames_b)), _cells_table(compared)
    for table in (different, cells):
        pages.write_csv(folder / f"{table.name}.csv", table)
    context = {
        "title": f"Compared: {pages.named(frames_a)} (A) and {pages.named(frames_b)} (B)",
        "a": {"on": pages.on_what(frames_a)},
        "b": {"on": pages.on_what(frames_b)},
        "differences": different,
        "summary": summary(compared),
        "compared": cells,
    }
    return [*pages.write(folder, "compare", context), folder / "compare.csv"]


def _differences_table(frame: pd.DataFrame) -> Table:
    rows = [[text.short(value, 300) for value in row] for row in frame.head(MOST_ROWS).itertuples(index=False)]
    return Table("differences", "What differs", "", ["what", "A", "B"], rows, frame)


def _cells_table(compared: pd.DataFrame) -> Table:
    shown = compared[compared["reason"].isna()].head(MOST_ROWS)
    one_shape = shown.groupby(["problem", "size"])["dims"].nunique().le(1).all()
    told = [name for name in [*CASE, "method"] if name != "dims" or not one_shape]
    if not (shown["device_a"].eq(shown["device_b"]) & shown["threads_a"].eq(shown["threads_b"])).all():
        told += ["device_a", "threads_a", "device_b", "threads_b"]
    rows = [
        [
            *(str(row[name]) for name in told),
            *(text.seconds(*(row[f"time_{end}s_{run}"] for end in ("", "low_", "high_"))) for run in "ab"),
            text.interval(row["ratio"], row["ratio_low"], row["ratio_high"]),
            str(row["verdict"]),
            text.number(row["error_ratio"]),
        ]
        for row in shown.to_dict("records")
    ]
    columns = [*told, "A's time", "B's time", "B ÷ A", "B is", "error, B ÷ A"]
    note = "Time of a call with its 95 % interval; the ratio's is Welch's, since the runs' processes are independent."
    return Table("compare", "Cells that both measured", note, columns, rows, compared)
