"""Marks of special cases: zeros by underflow, true gradients of zero, verdicts, calls above a peak rate."""

import dataclasses

import numpy as np

from gradiometer.analysis.figures.overflow_frontier import MARKS
from gradiometer.analysis.scores import summarised
from gradiometer.analysis.work import with_limits
from tests.analysis.figures.pictures import ENTRIES, PEAK, draw, in_full, marked, numbers, panel, texts


def of_cell(frames, method, size, dtype="float32"):
    cells = frames.cells
    found = cells[(cells["method"] == method) & (cells["size"] == size) & (cells["dtype"] == dtype)]
    return in_full(frames)["cell_id"].isin(found["cell_id"])


def with_errors(frames, rows, **values):
    errors = in_full(frames)
    errors.loc[rows, list(values)] = list(values.values())
    return dataclasses.replace(frames, scores=summarised(errors))


def test_a_gradient_that_is_zero_although_the_true_one_is_not_has_a_mark_of_its_own(frames):
    zero = with_errors(frames, of_cell(frames, "textbook", 128), rel_fro=1.0, n_underflow=9)
    uniform = draw(zero, "overflow").axes[0]
    assert uniform.get_title(loc="left").startswith("W1 · float32")  # float32 has no other failure
    rows = [label.get_text() for label in uniform.get_yticklabels()]
    assert marked(uniform, MARKS["zero"]) == {(128, rows.index("textbook"))}
    assert numbers(zero, "overflow")["zero"] == ["textbook"]
    (mark,) = [line for line in draw(zero, "error").axes[0].lines if line.get_label() == MARKS["zero"]["label"]]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([128], [1.0])


def test_some_entries_that_underflow_make_no_zero_gradient(frames):
    some = with_errors(frames, of_cell(frames, "textbook", 128), n_underflow=9)
    assert "zero" not in set(ENTRIES["overflow"].frame(some.cells, some.scores)["gradient"])


def test_a_finite_gradient_whose_true_value_is_zero_is_not_called_infinite(frames):
    without = with_errors(frames, of_cell(frames, "textbook", 128), rel_fro=np.nan, ulp_max=np.nan)
    for name, infinite, count in (("error", 27, 3), ("ulp", 3, 1), ("speed_error", None, 1)):
        shown = " ".join(texts(draw(without, name)))
        assert f"{count} with a true gradient of zero" in shown
        assert infinite is None or f"{infinite} not finite" in shown


def test_the_ratio_map_and_the_numbers_use_the_verdicts_of_the_page(frames):
    undecided = dataclasses.replace(frames, cells=frames.cells.assign(verdict="undecided"))
    hatched = [it for axis in draw(undecided, "ratio_map").axes for it in axis.collections if it.get_hatch()]
    decided = numbers(frames, "ratio_map")["verdicts"]
    assert sum(len(it.get_paths()) for it in hatched) == sum(decided.values()) > decided.get("undecided", 0)
    assert numbers(undecided, "ratio_map")["verdicts"] == {"undecided": sum(decided.values())}
    assert "slower" in numbers(frames, "speedup") and "slower" not in numbers(undecided, "speedup")


def test_calls_above_the_measured_peak_rate_are_drawn(frames):
    fast = frames.cells.assign(**{name: frames.cells[name] / 1e4 for name in ("time_s", "time_low_s", "time_high_s")})
    fast = with_limits(fast, frames.runs[0]["peak_rates"])
    axis = panel(ENTRIES["roofline"](fast), "W1 · float32 · n = 8 to 512")
    highest = max(max(line.get_ydata()) for line in axis.lines)
    assert highest > 10 * PEAK and axis.get_ylim()[1] > highest
    assert ENTRIES["roofline"].numbers(ENTRIES["roofline"].frame(fast, frames.scores), {})["share"] > 10
