"""Figures: everything drawn or counted as not drawn, one look per method, other people's text left alone."""

import dataclasses
import itertools
import re

import numpy as np
import pytest

import analysis
from analysis.figures import FIGURES, style
from analysis.figures.overflow_frontier import LOSS, MARKS
from analysis.figures.svg import as_svg
from analysis.frames import methods_of
from analysis.scores import summarised
from bench.schema import DTYPES

ONE = "linear_autoencoder"
DRAWN = {figure.name: figure for figure in FIGURES}
HOSTILE = r"$\frac{x$ <script>alert(1)</script> | " + "\u202eלום" + " x" * 150


@pytest.fixture(scope="module")
def frames(make_run):
    found = analysis.load(
        [make_run(name="few", sizes=(8, 128, 512), grids=((ONE, "W1", "float32"), (ONE, "W1", "float16")))]
    )
    return dataclasses.replace(found, scores=summarised(in_full(found)))


def in_full(frames):
    """The errors with the metrics that the synthetic run lacks: κ = 10 on normal data and 100 near the optimum. float16
    loses the loss from 128 on and the gradient at 512, where textbook and uniform data lose representable values.
    """
    errors = frames.errors.merge(frames.cells[["cell_id", "dtype", "size", "method"]], on="cell_id")
    u = errors["dtype"].map({name: dtype.unit_roundoff for name, dtype in DTYPES.items()})
    kappa = errors["data"].map({"uniform": 1.0, "normal": 10.0, "near_optimum": 100.0}).where(errors["n_inf"] == 0)
    spurious = (errors["n_inf"] > 0) & (errors["method"] == "textbook") & (errors["data"] == "uniform")
    ulp = errors["rel_fro"] / u
    return frames.errors.assign(
        kappa=kappa, bwd_fro_u=ulp / kappa, ulp_p50=0.5 * ulp, ulp_p99=3 * ulp, ulp_max=10 * ulp,
        n_spurious=spurious.astype(float), loss_finite=~((errors["dtype"] == "float16") & (errors["size"] >= 128)),
    )  # fmt: skip


def draw(frames, name, methods=None):
    figure = DRAWN[name]
    frame = figure.frame(frames.cells, frames.scores)
    return figure.draw(frame, methods or methods_of(frames.runs[0], frames.cells))


def texts(figure):
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


@pytest.mark.parametrize("name", ["time", "speed_error", "speedup", "error", "ulp"])
def test_axes_are_logarithmic_and_say_their_units(frames, name):
    figure = draw(frames, name)
    shown = " ".join(texts(figure))
    unit = {"time": "µs", "speed_error": "µs", "speedup": "×", "error": "no unit", "ulp": "ULP"}[name]
    assert unit in shown
    for axis in figure.axes:
        assert axis.get_yscale() == "log" == axis.get_xscale()
        assert axis.get_xlabel()
        assert axis.lines or axis.containers


@pytest.mark.parametrize("name", ["time", "speedup", "error", "ulp", "overflow"])
def test_sizes_are_plain_numbers(frames, name):
    figure = draw(frames, name)
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["8", "128", "512"]


@pytest.mark.parametrize("name", ["time", "speed_error", "speedup", "error", "ulp", "data"])
def test_what_is_not_drawn_is_counted(frames, name):
    shown = " ".join(texts(draw(frames, name)))
    # At n = 512 in float16, on three kinds of data, nine methods were scored: three are forms or autograd.
    counted = {"error": "27 not finite", "data": "27 not finite", "ulp": "3 not finite"}
    assert counted.get(name, "skipped") in shown
    if name in ("time", "speedup"):
        assert "×3" in shown and "8 skipped" in shown


def test_a_method_without_autograds_time_beside_it_is_counted(make_run):
    run = make_run(
        name="no-base", sizes=(8,), grids=((ONE, "W1", "float32"),), statuses={"autograd": ("timeout", None)}
    )
    frames = analysis.load([run])
    cells = frames.cells.copy()
    shown = " ".join(texts(DRAWN["speedup"].draw(cells, methods_of(frames.runs[0], cells))))
    assert "as autograd has no time" in shown


def test_each_method_looks_the_same_in_every_figure_and_different_from_the_others(frames):
    methods = methods_of(frames.runs[0], frames.cells)
    looks = style.styles(methods)
    assert len({(str(look.color), look.marker) for look in looks.values()}) == len(methods)
    assert len({look.marker for look in looks.values()}) == len(methods)
    shuffled = dict(reversed(methods.items()))
    assert style.styles(shuffled) == looks
    for name in ("time", "error"):
        lines = {line.get_marker(): line.get_color() for line in draw(frames, name).axes[0].lines}
        assert lines["o"] == looks["textbook"].color and lines["s"] == looks["factored"].color


@pytest.mark.parametrize("name", DRAWN)
def test_the_legend_is_outside_the_axes_and_lies_over_nothing(frames, name):
    figure = draw(frames, name)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    for axis in figure.axes:
        assert not box.overlaps(axis.get_tightbbox())
    notes = [text.get_window_extent() for text in figure.texts]
    entries = [text.get_window_extent() for text in legend.get_texts() if text.get_text().strip()]
    assert not any(note.overlaps(entry) for note in notes for entry in entries)


@pytest.mark.parametrize("name", DRAWN)
def test_no_text_of_a_panel_lies_over_another_or_leaves_the_figure(frames, name):
    figure = draw(frames, name)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for axis in figure.axes for text in axis.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)


def panel(figure, title):
    (found,) = [axis for axis in figure.axes if axis.get_title(loc="left") == title]
    return found


def test_expected_growth_is_drawn_only_where_it_is_known(frames):
    figure = draw(frames, "error")
    u = DTYPES["float32"].unit_roundoff
    growing = {
        axis.get_title(loc="left"): [it for it in axis.lines if it.get_label() == "√n · u"] for axis in figure.axes
    }
    (line,) = growing.pop("W1 · float32 · uniform data")
    np.testing.assert_allclose(line.get_ydata(), u * np.sqrt([8, 128, 512]))
    assert set(growing) == {"W1 · normal data", "W1 · near_optimum data", "W1 · float16"}  # a half sums in float32
    assert not any(growing.values())
    assert "√n · u" in texts(figure)


def test_the_line_of_roundoff_ends_where_nothing_is_finite(frames):
    figure = draw(frames, "error")
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
    assert len(axis.collections) == 3
    looks = style.styles(methods_of(frames.runs[0], frames.cells))
    errors = in_full(frames)
    of_textbook = errors["cell_id"].str.contains("n128-float32") & errors["cell_id"].str.endswith("textbook")
    errors = errors[of_textbook & (errors["data"] == "uniform")]
    lines = [line for line in axis.lines if line.get_color() == looks["textbook"].color]
    expected = [errors["ulp_p50"].median(), errors["ulp_p99"].median(), errors["ulp_max"].max()]
    np.testing.assert_allclose([line.get_ydata()[1] for line in lines], expected)


def marked(axis, look):
    (line,) = [
        it for it in axis.lines if it.get_marker() == look["marker"] and it.get_markersize() == look["markersize"]
    ]
    return set(zip(line.get_xdata(), line.get_ydata(), strict=True))


def test_overflow_of_the_loss_and_of_the_gradient_are_marked_apart_and_the_spurious_by_a_mark_of_their_own(frames):
    figure = draw(frames, "overflow")
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        f"W1 · float16 · {data} data" for data in ("uniform", "normal", "near_optimum")
    ]  # float32 lost nothing
    assert len({(it["marker"], it["markersize"]) for it in (*MARKS.values(), LOSS)}) == 4
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
    errors = in_full(frames).assign(n_inf=0.0, n_spurious=0.0, loss_finite=True)
    assert DRAWN["overflow"].frame(frames.cells, summarised(errors)).empty  # nothing overflows, nothing to draw
    errors.loc[errors.index[1], ["n_inf", "n_spurious"]] = 1.0
    frontier = DRAWN["overflow"].frame(frames.cells, summarised(errors))
    assert list(frontier["gradient"]).count("spurious") == 1
    assert frontier["dtype"].nunique() == 1


def test_error_by_data_sets_what_cancels_apart_from_what_the_method_does(frames):
    frame = DRAWN["data"].frame(frames.cells, frames.scores)
    assert set(frame["size"]) == {512}
    finite = frame[frame["finite_seeds"] > 0]
    assert {"κ ≈ 1.0", "κ ≈ 10", "κ ≈ 100", "no error"} <= set(texts(draw(frames, "data")))
    np.testing.assert_allclose(finite["rel_fro_u"] / finite["bwd_fro_u"], finite["kappa"])
    one_kind = frames.scores[frames.scores["data"] == "uniform"]
    assert DRAWN["data"].frame(frames.cells, one_kind).empty
    assert DRAWN["data"].frame(frames.cells, frames.scores.assign(bwd_fro_u=np.nan)).empty


@pytest.mark.parametrize("name", ["ulp", "data", "overflow", "error"])
def test_a_run_without_scores_has_no_such_figure(frames, name):
    assert DRAWN[name].frame(frames.cells, frames.scores.head(0)).empty


def test_a_figure_is_small_and_keeps_its_texts(frames):
    figure = draw(frames, "error")
    svg = as_svg(figure, "error", "Error")
    assert len(svg) < 100_000
    assert not re.search(r' (?:d|x|y|points)="[^"]*\.\d{3}', svg)
    assert {"size n", "√n · u", "W1 · near_optimum data", "central_difference"} <= set(
        re.findall(r">([^<>]*)</text>", svg)
    )
    used, defined = set(re.findall(r'class="(\w+)"', svg)), set(re.findall(r"\.(\w+){", svg))
    assert used == defined
    assert not used & set(re.findall(r'class="(\w+)"', as_svg(figure, "other", "Error")))


def test_svg_is_the_same_every_time_and_tells_no_date(frames):
    first, second = (as_svg(draw(frames, "time"), "time", "Time") for _ in range(2))
    assert first == second
    assert "<dc:date>" not in first and first.startswith("<svg ")


def test_two_figures_share_no_ids_on_a_page(frames):
    one, other = (
        set(re.findall(r' id="([^"]+)"', as_svg(draw(frames, "time"), name, "Time"))) for name in ("one", "other")
    )
    assert one and not one & other


def test_hostile_labels_are_drawn_as_they_are(frames):
    methods = {name: entry | {"label": HOSTILE} for name, entry in methods_of(frames.runs[0], frames.cells).items()}
    svg = as_svg(draw(frames, "time", methods), "hostile", HOSTILE)
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert "\u202e" not in svg
    assert max(map(len, re.findall(r">([^<>]*)</text>", svg))) < 200
