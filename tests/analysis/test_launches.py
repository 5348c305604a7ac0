"""Which cells wait for their launches, from cells whose two times are known."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights import launches
from gradiometer.analysis.report import build

RESULTS = Path(__file__).parents[2] / "results" / "machines"


def cells(*rows):
    columns = ("method", "size", "time_s", "device_time_s")
    frame = pd.DataFrame(rows, columns=columns).assign(status="ok")
    return frame.assign(family=["reverse" if name == "autograd" else "analytic" for name in frame["method"]])


def test_the_sizes_at_which_launches_set_the_time_are_named():
    times_us = {
        "autograd": [(8, 72, 6), (32, 60, 10), (128, 100, 90)],
        "textbook": [(8, 20, 8), (32, 50, 20), (128, 900, 890)],
        "factored": [(8, 25, 2), (32, 25, 20), (128, 50, 25)],
    }
    rows = [(name, size, wall * 1e-6, own * 1e-6) for name, told in times_us.items() for size, wall, own in told]
    assert launches.sentences(cells(*rows)) == [
        "Launch-bound (wall ÷ device time above 1.2): autograd at n = 8 to 32 (12.0 to 6.00); "
        "the fastest form at every size measured, n = 8 to 128 (2.50 to 2.00)."
    ]


@pytest.mark.parametrize(
    ("quotients", "said"),
    [
        ((1.1, 1.15, 1.0), "autograd at no size measured (1.15 at most)"),
        ((2.0, 1.0, 1.5), "autograd at n = 8 and 128 (2.00 to 1.50)"),
        ((2.0, 1.0, 1.0), "autograd at n = 8 (2.00)"),
    ],
)
def test_sizes_that_do_not_follow_each_other_are_listed(quotients, said):
    rows = [("autograd", size, share * 1e-5, 1e-5) for size, share in zip((8, 32, 128), quotients, strict=True)]
    assert said in launches.sentences(cells(*rows))[0]


def test_without_a_device_clock_nothing_is_said():
    assert launches.sentences(cells(("autograd", 8, 60e-6, None), ("textbook", 8, 60e-6, None))) == []


def test_the_page_of_a_run_on_a_gpu_says_what_waits_for_launches(tmp_path):
    frames = analysis.load([RESULTS / "quick-20261123t043929"])
    kept = frames.cells["problem"].eq("linear_autoencoder") & frames.cells["wrt"].eq("W1")
    few = frames.cells[kept & frames.cells["method"].isin(["autograd", "factored", "textbook"])]
    build.write_report(dataclasses.replace(frames, cells=few), tmp_path)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "Launch-bound (wall ÷ device time above 1.2): autograd at every size measured, n = 8 to 512 (1" in page
    assert "| wall ÷ device |" in page
    table = pd.read_csv(tmp_path / "tables" / "cells.csv")
    assert (table["wall_over_device"].dropna() > 1).all() and table["wall_over_device"].notna().any()
