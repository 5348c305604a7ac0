"""The summary of a run on a terminal: a table, its notes, and the diagnosis of every wrong form last."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis import terminal
from gradiometer.storage import schema

ROOT = Path(__file__).parents[2]
ONE = "linear_autoencoder"
GRIDS = ((ONE, "W1", "float32"), (ONE, "W1", "float16"))


@pytest.fixture(scope="module")
def folder(make_run):
    return make_run(name="terminal", sizes=(8, 128, 512), grids=GRIDS)


@pytest.fixture
def changed(folder, monkeypatch):
    """changed(**tables) prints the summary of the run with other tables."""

    def summary(**tables):
        frames = dataclasses.replace(analysis.load(folder), **tables)
        monkeypatch.setattr(terminal, "load", lambda folder: frames)
        return terminal.summary(folder)

    return summary


def derivations(**verdicts):
    """Derivation rows of ONE's W1, form=(verdict, diagnosis)."""
    blank = dict.fromkeys(schema.columns(schema.Derivation))
    rows = [
        blank | {"run_id": "terminal", "problem": ONE, "wrt": "W1", "form": form, "verdict": verdict, "diagnosis": why}
        for form, (verdict, why) in verdicts.items()
    ]
    return pd.DataFrame(rows).assign(digits=307.3, points=10)


def row_of(lines):
    (row,) = [line.split() for line in lines if line.startswith("  W1 ")]
    return row


def test_the_table_has_the_best_form_and_the_speedups_at_both_ends(folder):
    lines = terminal.summary(folder)
    row = row_of(lines)
    assert "factored" in row and row[0] == "W1"
    small, large = (float(text.removesuffix("×")) for text in row if text.endswith("×"))
    cells = analysis.load(folder).cells.query("method == 'factored' and dtype == 'float32'").set_index("size")["ratio"]
    assert large == pytest.approx(1 / cells[512], rel=0.05)
    assert 1 < large < small  # the fastest, not the slowest, form is the best
    assert all(len(line) <= 80 for line in lines)


def test_the_largest_of_several_slowdowns_is_named(folder, changed):
    cells = analysis.load(folder).cells
    slower = (cells["family"] == "analytic") & (cells["dtype"] == "float32") & (cells["size"] > 8)
    factors = cells["size"].map({128: 30.0, 512: 20.0})
    ratios = [name for name in ("ratio", "ratio_low", "ratio_high") if name in cells]
    cells[ratios] = cells[ratios].mul(factors.where(slower, 1.0), axis=0)
    slowest = cells[slower].sort_values("ratio").iloc[-1]
    lines = changed(cells=cells)
    place = next(place for place, line in enumerate(lines) if line.startswith("Largest slowdown"))
    assert slowest["method"] in lines[place] and f"{slowest['ratio']:.3g}" in lines[place]
    assert f"n = {slowest['size']}" in lines[place + 1]


def test_a_speedup_that_is_not_significant_is_too_noisy_to_say_with_the_load(folder, changed):
    frames = analysis.load(folder)
    noisy = frames.cells.assign(ratio_low=frames.cells["ratio"] / 1e9, ratio_high=frames.cells["ratio"] * 1e9)
    if "ratio_log_se" in noisy:
        noisy["ratio_log_se"] = 10.0
    lines = changed(cells=noisy, segments=frames.segments.assign(load_1min=9.4))
    assert not any(text.endswith("×") for text in row_of(lines)) and row_of(lines).count("noisy") == 2
    assert any("too noisy to say (load 9.4 on" in line for line in lines)
    assert not any(line.startswith("Largest slowdown") for line in lines)


def test_a_wrong_form_is_no_winner_and_its_diagnosis_is_last(changed):
    lines = changed(derivations=derivations(factored=("wrong", "a factor 2 too many"), textbook=("exact", None)))
    row = row_of(lines)
    assert "factored" not in row and row[1:3] == ["1/2", "wrong"]
    assert lines[-2] == "Wrong gradients:" and "factored: a factor 2 too many" in lines[-1]


def test_crashed_forms_are_listed_with_sizes_and_reason(folder, changed):
    cells = analysis.load(folder).cells
    crashed = (cells["method"] == "textbook") & (cells["size"] > 8)
    cells = cells.assign(
        status=cells["status"].mask(crashed, "crashed"), reason=cells["reason"].mask(crashed, "signal 9")
    )
    cells[["time_s", "ratio"]] = cells[["time_s", "ratio"]].mask(crashed, np.nan)
    lines = changed(cells=cells)
    (failed,) = lines[lines.index("Failed:") + 1 :]
    assert "textbook" in failed and "n = 128 and 512" in failed and failed.endswith("signal 9")


def test_a_table_of_many_problems_ends_after_thirty_lines(folder, monkeypatch):
    (row,) = terminal.overview(analysis.load(folder))
    rows = [dataclasses.replace(row, problem=f"problem_{place}") for place in range(40)]
    monkeypatch.setattr(terminal, "overview", lambda frames: rows)
    lines = terminal.summary(folder)
    more = next(place for place, line in enumerate(lines) if line.startswith("…"))
    assert more == terminal.MOST_LINES and str(2 * 40 + 1 - more) in lines[more]


def test_the_lines_of_a_real_run_fit_eighty_columns():
    lines = terminal.summary(ROOT / "results" / "machines" / "quick-20261125t005949")
    assert len(lines) <= terminal.MOST_LINES and max(map(len, lines)) <= 80


def test_a_study_of_one_size_has_one_column_of_speedups(make_run):
    lines = terminal.summary(make_run(name="one-size", sizes=(8,), grids=GRIDS))
    assert lines[0].count("n = 8") == 1 and len([text for text in row_of(lines) if text.endswith("×")]) == 1
