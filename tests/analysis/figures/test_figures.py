"""Each figure: it draws and counts what is in its frame."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.drawing import style
from gradiometer.analysis.drawing.pareto import on_front
from gradiometer.analysis.figures.overflow_frontier import LOSS, MARKS
from gradiometer.analysis.frames import methods_of
from gradiometer.analysis.scores import summarised
from gradiometer.analysis.work import with_limits
from gradiometer.storage.schema import DTYPES
from tests.analysis.figures.pictures import (
    BANDWIDTH,
    ENTRIES,
    ONE,
    PEAK,
    draw,
    in_full,
    marked,
    numbers,
    of_few,
    panel,
    texts,
)


def test_a_method_without_autograds_time_beside_it_is_counted(make_run):
    run = make_run(
        name="no-base", sizes=(8,), grids=((ONE, "W1", "float32"),), statuses={"autograd": ("timeout", None)}
    )
    frames = analysis.load([run])
    cells = frames.cells.copy()
    shown = " ".join(texts(ENTRIES["speedup"](cells)))
    assert "without a time of autograd" in shown


def test_expected_growth_is_drawn_only_where_it_is_known(laid_out):
    figure = laid_out["error"]
    u = DTYPES["float32"].unit_roundoff
    growing = {
        axis.get_title(loc="left"): [it for it in axis.lines if it.get_label() == "√n · u"] for axis in figure.axes
    }
    (line,) = growing.pop("W1 · float32 · uniform data")
    np.testing.assert_allclose(line.get_ydata(), u * np.sqrt([8, 128, 512]))
    assert set(growing) == {"W1 · normal data", "W1 · near_optimum data", "W1 · float16"}  # a half sums in float32
    assert not any(growing.values())
    assert "√n · u" in texts(figure)


def test_the_line_of_roundoff_ends_where_nothing_is_finite(laid_out):
    figure = laid_out["error"]
    ends = {}
    for dtype, title in (("float32", "W1 · float32 · uniform data"), ("float16", "W1 · float16")):
        u = DTYPES[dtype].unit_roundoff
        (line,) = [it for it in panel(figure, title).lines if set(it.get_ydata()) == {u}]
        ends[dtype] = line.get_xdata()[-1]
    assert ends == {"float32": 1, "float16": 128}  # 1: the whole width of the axes


def test_ulp_bands_are_of_forms_and_autograd_and_hold_the_quantiles(frames):
    figure = draw(frames, "ulp")
    assert {"textbook", "factored", "autograd"} <= set(texts(figure)) and "jacrev" not in texts(figure)
    axis = panel(figure, "W1 · float32")
    looks = style.styles(methods_of(frames.runs[0], frames.cells))
    errors = in_full(frames)
    of_textbook = errors["cell_id"].str.contains("n128-float32") & errors["cell_id"].str.endswith("textbook")
    errors = errors[of_textbook & (errors["data"] == "uniform")]
    lines = [line for line in axis.lines if line.get_color() == looks["textbook"].color]
    expected = [errors["ulp_p50"].median(), errors["ulp_p99"].median(), errors["ulp_max"].max()]
    np.testing.assert_allclose([line.get_ydata()[1] for line in lines], expected)


def test_overflow_of_the_loss_the_gradient_and_of_representable_values_have_different_marks(frames):
    figure = draw(frames, "overflow")
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        f"W1 · float16 · {data} data" for data in ("uniform", "normal", "near_optimum")
    ]  # float32 lost nothing
    assert len({(it["marker"], it["markersize"]) for it in (*MARKS.values(), LOSS)}) == 5
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    uniform, normal = figure.axes[:2]
    assert marked(uniform, MARKS["spurious"]) == {(512, rows.index("textbook"))}
    assert not marked(normal, MARKS["spurious"])
    assert {size for size, _ in marked(uniform, MARKS["not finite"])} == {512}
    assert (512, rows.index("textbook")) in marked(normal, MARKS["not finite"])
    assert {size for size, _ in marked(uniform, MARKS["finite"])} == {8, 128}
    assert {size for size, _ in marked(uniform, LOSS)} == {128, 512}
    shown = texts(figure)
    assert all(look["label"] in shown for look in (*MARKS.values(), LOSS))


def test_a_single_seed_that_overflows_is_on_the_frontier(frames):
    errors = frames.errors.assign(n_inf=0.0, n_spurious=0.0, loss_finite=True)
    assert ENTRIES["overflow"].frame(frames.cells, summarised(errors)).empty  # nothing overflows, nothing to draw
    errors.loc[errors.index[1], ["n_inf", "n_spurious"]] = 1.0
    frontier = ENTRIES["overflow"].frame(frames.cells, summarised(errors))
    assert list(frontier["gradient"]).count("spurious") == 1
    inherent = dataclasses.replace(frames, scores=summarised(in_full(frames).assign(n_spurious=0.0)))
    found = numbers(inherent, "overflow")
    assert (found["loss"], found["gradient"], found["spurious"]) == (128, 512, [])
    others = ENTRIES["overflow"].numbers(frontier.assign(family="forward", method="jacfwd"), {})
    assert others["loss"] is None and others["gradient"] is None
    assert frontier["dtype"].nunique() == 1


def test_a_gradient_that_is_not_finite_is_no_gain(frames):
    lost = (frames.cells["method"] == "factored") & (frames.cells["size"] == 512) & (frames.cells["dtype"] == "float16")
    cells = frames.cells.assign(status=frames.cells["status"].mask(lost, "nonfinite"))
    shown = texts(draw(dataclasses.replace(frames, cells=cells), "ratio_map"))
    assert shown.count("not finite") == 1 and "not finite" not in texts(draw(frames, "ratio_map"))


def test_error_by_data_separates_conditioning_from_the_error_of_the_method(frames):
    frame = ENTRIES["data"].frame(frames.cells, frames.scores)
    assert set(frame["size"]) == {512}
    finite = frame[frame["finite_seeds"] > 0]
    assert {"κ ≈ 1.0", "κ ≈ 10", "κ ≈ 100", "not finite"} <= set(texts(draw(frames, "data")))
    np.testing.assert_allclose(finite["rel_fro_u"] / finite["bwd_fro_u"], finite["kappa"])
    one_kind = frames.scores[frames.scores["data"] == "uniform"]
    assert ENTRIES["data"].frame(frames.cells, one_kind).empty
    assert ENTRIES["data"].frame(frames.cells, frames.scores.assign(bwd_fro_u=np.nan)).empty


@pytest.mark.parametrize("name", ["ulp", "data", "overflow", "error"])
def test_a_run_without_scores_has_no_such_figure(frames, name):
    assert ENTRIES[name].frame(frames.cells, frames.scores.head(0)).empty


def test_a_failed_tile_is_grey_with_its_status_and_an_undecided_one_is_hatched(make_run):
    statuses = {"textbook": ("oom", "out of memory")}
    run = make_run(sizes=(8, 32), grids=((ONE, "W1", "float32"),), statuses=statuses,
                   truth=of_few(lambda method, n: 20e-6 if n == 8 or method == "autograd" else 4e-6))  # fmt: skip
    figure = draw(analysis.load(run), "ratio_map")
    failed, factored = figure.axes
    assert [text.get_text() for text in failed.texts] == ["oom", "oom"]
    assert len({tuple(color) for color in failed.collections[0].get_facecolor()}) == 1
    assert [text.get_text() for text in factored.texts] == ["1.00", "0.20"]
    (hatched,) = [it for it in factored.collections if it.get_hatch()]
    (tile,) = hatched.get_paths()
    assert tile.get_extents().x0 == 0


def test_the_roofline_has_the_measured_peak_rates_and_is_left_out_without_them(frames):
    axis = panel(draw(frames, "roofline"), "W1 · float32 · n = 8 to 512")
    (flat,) = [line for line in axis.lines if set(line.get_ydata()) == {PEAK}]
    assert flat.get_xdata()[0] == pytest.approx(PEAK / BANDWIDTH)
    rising = [line for line in axis.lines if np.allclose(np.divide(line.get_ydata(), line.get_xdata()), BANDWIDTH)]
    assert len(rising) == 1
    assert ENTRIES["roofline"].frame(with_limits(frames.cells, None), frames.scores).empty


def test_the_knee_is_where_overhead_and_work_are_equal(frames):
    axis = panel(draw(frames, "overhead"), "W1 · float32")
    knees = [line for line in axis.lines if line.get_label() == "knee"]
    assert len(knees) == 3
    (of_textbook,) = [line for line in knees if line.get_ydata()[0] == pytest.approx(2 * 8e-6, rel=0.05)]
    assert of_textbook.get_xdata()[0] == pytest.approx(8e-6 / 2.2e-11, rel=0.1)  # of the synthetic truth, flops = n³


def test_a_circle_marks_a_size_at_which_an_exponent_changes_beyond_the_intervals(make_run):
    run = make_run(sizes=(8, 32, 128, 512), grids=((ONE, "W1", "float32"),),
                   truth=of_few(lambda method, n: 1e-5 * max(1, n / 32) ** 2))  # fmt: skip
    axis = draw(analysis.load(run), "slopes").axes[0]
    rings = [list(line.get_xdata()) for line in axis.lines if line.get_label() == "break"]
    assert rings == [[32], [32], [32]]


def test_a_method_is_not_pareto_optimal_only_where_another_is_better_and_not_worse():
    points = pd.DataFrame(
        [
            {"time_s": 1.0, "time_low_s": 0.9, "time_high_s": 1.1, "rel_fro": 2.0},
            {"time_s": 1.05, "time_low_s": 0.95, "time_high_s": 1.2, "rel_fro": 2.0},  # a tie with the first
            {"time_s": 3.0, "time_low_s": 2.9, "time_high_s": 3.1, "rel_fro": 1.0},  # slower, more precise
            {"time_s": 2.0, "time_low_s": 1.9, "time_high_s": 2.1, "rel_fro": 2.0},  # slower, no more precise
            {"time_s": 1.0, "time_low_s": None, "time_high_s": None, "rel_fro": 3.0},  # no slower, less precise
        ]
    ).assign(rel_fro_low=lambda rows: rows["rel_fro"], rel_fro_high=lambda rows: rows["rel_fro"])
    assert list(on_front(points)) == [True, True, True, False, False]
