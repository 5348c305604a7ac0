"""What a figure shows, as numbers, and figures drawn from a reader's own frames."""

import itertools

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.figures import speedup
from gradiometer.analysis.wording.figures import sentence
from tests.analysis.figures.pictures import ENTRIES, ONE, draw, numbers, of_few, texts, with_peak_rates, work


def test_speedup_names_the_fastest_forms_and_the_slowest(frames):
    found = numbers(frames, "speedup")
    assert found["fastest"] == {"textbook": [8], "factored": [128, 512]}
    assert (found["slower"]["form"], found["slower"]["sizes"]) == ("textbook", [512])
    assert found["slower"]["ratio"] == pytest.approx(22.9, rel=0.05) and not found["all_faster"]


def test_time_has_the_exponents_of_the_largest_sizes(frames):
    found = numbers(frames, "time")
    assert (found["start"], found["stop"]) == (128, 512)
    assert found["exponents"]["textbook"][0] == pytest.approx(2.85, abs=0.1)
    assert found["exponents"]["factored"][0] == pytest.approx(1.2, abs=0.1)


def test_slopes_have_the_largest_change(frames):
    change = numbers(frames, "slopes")["change"]
    assert (change["method"], change["size"]) == ("textbook", 128)
    assert change["before"] < 1 < 2.5 < change["after"]


def test_ratios_are_counted_by_verdict_with_their_ends(frames):
    found = numbers(frames, "ratio_map")
    assert (found["verdicts"]["faster"], found["verdicts"]["slower"], found["without"]) == (9, 2, 0)
    assert found["smallest"]["ratio"] == pytest.approx(0.16, rel=0.1)
    assert found["largest"]["ratio"] == pytest.approx(22.9, rel=0.05)
    assert (found["largest"]["method"], found["largest"]["size"]) == ("textbook", 512)


def test_overhead_ends_at_the_knee(frames):
    until = numbers(frames, "overhead")["until"]
    assert until["textbook"] == pytest.approx(71, rel=0.1) and until["factored"] == pytest.approx(200, rel=0.1)


def test_the_roofline_names_the_call_nearest_to_its_limit(frames):
    found = numbers(frames, "roofline")
    assert (found["method"], found["size"], found["limited_by"]) == ("textbook", 512, "flops")
    assert found["share"] == pytest.approx(0.45, abs=0.02) and found["most"] < found["share"]


def test_figures_of_errors_have_their_numbers(frames):
    front = numbers(frames, "speed_error")
    assert front["size"] == 512 and "factored" in front["front"] and len(front["front"]) < front["methods"]
    error = numbers(frames, "error")
    assert error["in_u"] and 1 <= error["forms"][0] <= error["forms"][1] < 30 and error["sizes"] == [8, 128, 512]
    ulp = numbers(frames, "ulp")
    assert ulp["half"] < ulp["most"] < ulp["all"] and ulp["methods"] == ["textbook", "factored", "autograd"]
    data = numbers(frames, "data")
    assert data["data"] == ["uniform", "near_optimum"] and np.allclose(data["kappa"], [1, 100])
    overflow = numbers(frames, "overflow")
    assert (overflow["loss"], overflow["gradient"], overflow["spurious"]) == (128, 512, ["textbook"])


@pytest.mark.parametrize("name", ENTRIES)
def test_a_figure_has_one_sentence(frames, name):
    words = sentence(name, numbers(frames, name))
    assert words.endswith(".") and words.count(". ") == 0


def test_equal_forms_have_no_difference(make_run):
    run = make_run(sizes=(8, 128, 512), grids=((ONE, "W1", "float32"),), truth=of_few(lambda method, n: 20e-6))
    frames = analysis.load([run])
    found = numbers(frames, "speedup")
    assert found["fastest"] == {} and "slower" not in found and not found["all_faster"]
    verdicts = numbers(frames, "ratio_map")["verdicts"]
    assert set(verdicts) <= {"same", "undecided"} and sum(verdicts.values()) == 6
    assert "change" not in numbers(frames, "slopes")
    axis = draw(frames, "slopes").axes[0]
    assert not any(len(line.get_xdata()) for line in axis.lines if line.get_label() == "break")


# A reader's own frames ------------------------------------------------------------------------------------------------


def test_figures_are_drawn_from_the_frames_as_loaded(frames, make_run):
    loaded = analysis.load([make_run(sizes=(8, 128), grids=((ONE, "W1", "float32"),), work=work, edit=with_peak_rates)])
    assert set(loaded.cells["machine"]) == {"Imaginary Xeon"}
    for name in ("speedup", "time", "slopes", "ratio_map", "overhead", "roofline"):
        assert ENTRIES[name](loaded.cells).axes, name
    for name in ("error", "speed_error", "ulp", "data", "overflow"):
        assert ENTRIES[name](frames.cells, frames.scores).axes, name
        with pytest.raises(ValueError, match=r"pass frames\.scores"):
            ENTRIES[name](frames.cells)


def test_a_figure_is_drawn_from_filtered_cells(frames):
    own = frames.cells.query("dtype == 'float16' and method in ('textbook', 'autograd')")
    figure = speedup(own)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["W1 · float16"]
    assert "textbook" in texts(figure)
    with pytest.raises(ValueError, match="expected rows to draw"):
        speedup(own.head(0))
    with pytest.raises(ValueError, match="expected one device, got 2"):
        speedup(pd.concat([own, own.assign(device="cuda")]))
    with pytest.raises(ValueError, match="expected one problem, got 2"):
        speedup(pd.concat([own, own.assign(problem="another")]))


@pytest.fixture(scope="module")
def two(make_run):
    fields = {"sizes": (8, 128, 512), "grids": ((ONE, "W1", "float32"), (ONE, "W1", "float16"))}
    return analysis.load(
        [make_run(name=f"on-{it}", device=it, work=work, edit=with_peak_rates, **fields) for it in ("cpu", "cuda")]
    )


@pytest.mark.parametrize("name", ["speedup", "time", "slopes", "ratio_map", "overhead", "speed_error", "error"])
def test_two_runs_have_panels_of_their_own(two, name):
    figure = ENTRIES[name](two.cells, two.scores)
    figure.draw_without_rendering()
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    rows = [label.get_text() for axis in figure.axes for label in axis.get_yticklabels()]
    for letter in "AB":
        assert [text for text in (*titles, *rows) if f" · {letter}" in text]
    assert "A: on-cpu, B: on-cuda" in texts(figure) and len(titles) == len(set(titles))
    boxes = [axis._left_title.get_window_extent() for axis in figure.axes]
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_a_panel_of_two_runs_holds_the_points_of_one(two):
    figure, alone = ENTRIES["time"](two.cells), ENTRIES["time"](two.of_run("on-cuda").cells)
    (axis,) = [axis for axis in figure.axes if axis.get_title(loc="left") == "W1 · float32 · B"]
    one, other = (next(line for line in it.lines if line.get_marker() == "o") for it in (axis, alone.axes[0]))
    assert list(one.get_ydata()) == list(other.get_ydata()) and len(one.get_ydata()) == 3
