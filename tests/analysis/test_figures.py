"""Figures: everything drawn or counted as not drawn, one look per method, other people's text left alone."""

import dataclasses
import itertools
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.drawing import render, style
from gradiometer.analysis.drawing.annotate import spread
from gradiometer.analysis.drawing.pareto import on_front
from gradiometer.analysis.drawing.svg import as_svg
from gradiometer.analysis.figures import FIGURES, speedup
from gradiometer.analysis.figures.overflow_frontier import LOSS, MARKS
from gradiometer.analysis.frames import methods_of
from gradiometer.analysis.scores import summarised
from gradiometer.analysis.work import with_limits
from gradiometer.storage.schema import DTYPES

ONE = "linear_autoencoder"
DRAWN = {figure.name: figure for figure in FIGURES}
HOSTILE = r"$\frac{x$ <script>alert(1)</script> | " + "\u202eלום" + " x" * 150


PEAK, BANDWIDTH = 1e11, 5e10


def work(method, n):
    return (n**3 if method == "textbook" else 6 * n**2), 6 * n**2


def with_peak_rates(run):
    run["peak_rates"] = [
        {
            "device": "cpu", "threads": 1, "numerics": "ieee", "bytes_per_s": {"100000000": BANDWIDTH},
            "flops_per_s": dict.fromkeys(DTYPES, PEAK),
        }
    ]  # fmt: skip


def of_few(truth):
    """A truth for two forms and autograd only."""
    few = ("textbook", "factored", "autograd")
    return lambda problem, method, n: truth(method, n) if method in few else None


def limited(run_folder):
    found = analysis.load([run_folder])
    return dataclasses.replace(found, cells=with_limits(found.cells, found.runs[0]["peak_rates"]))


@pytest.fixture(scope="module")
def frames(make_run):
    grids = ((ONE, "W1", "float32"), (ONE, "W1", "float16"))
    found = limited(make_run(name="few", sizes=(8, 128, 512), grids=grids, work=work, edit=with_peak_rates))
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


@pytest.fixture(scope="module")
def laid_out(frames):
    """Each figure by name, its texts placed."""
    figures = {name: draw(frames, name) for name in DRAWN}
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


@pytest.mark.parametrize("name", ["time", "speed_error", "speedup", "error", "ulp"])
def test_axes_are_logarithmic_and_say_their_units(laid_out, name):
    figure = laid_out[name]
    shown = " ".join(texts(figure))
    unit = {"time": "µs", "speed_error": "µs", "speedup": "×", "error": "no unit", "ulp": "ULP"}[name]
    assert unit in shown
    for axis in figure.axes:
        assert axis.get_yscale() == "log" == axis.get_xscale()
        assert axis.get_xlabel()
        assert axis.lines or axis.containers


@pytest.mark.parametrize("name", ["time", "speedup", "error", "ulp", "overflow"])
def test_sizes_are_plain_numbers(laid_out, name):
    assert [label.get_text() for label in laid_out[name].axes[0].get_xticklabels()] == ["8", "128", "512"]


@pytest.mark.parametrize("name", ["time", "speed_error", "speedup", "error", "ulp", "data"])
def test_what_is_not_drawn_is_counted(laid_out, name):
    shown = " ".join(texts(laid_out[name]))
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


def boxes(found):
    return [text.get_window_extent() for text in found if text.get_text() and text.get_visible()]


def labels_of(axis):
    texts_of_axes = [*axis.xaxis.get_ticklabels(), *axis.yaxis.get_ticklabels(), axis.xaxis.label, axis.yaxis.label]
    return [*axis.texts, *texts_of_axes, axis._left_title]


@pytest.mark.parametrize("name", DRAWN)
def test_no_text_lies_over_another_or_leaves_the_figure(laid_out, name):
    figure = laid_out[name]
    found = boxes([*figure.texts, *(text for axis in figure.axes for text in labels_of(axis))])
    assert not [pair for pair in itertools.combinations(found, 2) if pair[0].overlaps(pair[1])]
    assert all(
        box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in found
    )


def test_labels_beside_a_panel_are_moved_apart_and_no_further():
    assert spread([10, 50, 90], 10, 100) == [10, 50, 90]
    assert spread([48, 50, 52], 10, 100) == [40, 50, 60]
    assert spread([99, 100], 10, 100) == [90, 100]


def panel(figure, title):
    (found,) = [axis for axis in figure.axes if axis.get_title(loc="left") == title]
    return found


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
    errors = frames.errors.assign(n_inf=0.0, n_spurious=0.0, loss_finite=True)
    assert DRAWN["overflow"].frame(frames.cells, summarised(errors)).empty  # nothing overflows, nothing to draw
    errors.loc[errors.index[1], ["n_inf", "n_spurious"]] = 1.0
    frontier = DRAWN["overflow"].frame(frames.cells, summarised(errors))
    assert list(frontier["gradient"]).count("spurious") == 1
    methods = methods_of(frames.runs[0], frames.cells)
    inherent = DRAWN["overflow"].frame(frames.cells, summarised(in_full(frames).assign(n_spurious=0.0)))
    assert DRAWN["overflow"].reading(inherent, methods).endswith("loss at n = 128 and gradient at n = 512.")
    others = frontier.assign(family="forward", method="jacfwd")
    assert "the forms and autograd stay finite" in DRAWN["overflow"].reading(others, methods)
    assert frontier["dtype"].nunique() == 1


def test_a_gradient_that_is_not_finite_is_no_gain(frames):
    lost = (frames.cells["method"] == "factored") & (frames.cells["size"] == 512) & (frames.cells["dtype"] == "float16")
    cells = frames.cells.assign(status=frames.cells["status"].mask(lost, "nonfinite"))
    shown = texts(draw(dataclasses.replace(frames, cells=cells), "ratio_map"))
    assert shown.count("not finite") == 1 and "not finite" not in texts(draw(frames, "ratio_map"))


def test_error_by_data_sets_what_cancels_apart_from_what_the_method_does(frames):
    frame = DRAWN["data"].frame(frames.cells, frames.scores)
    assert set(frame["size"]) == {512}
    finite = frame[frame["finite_seeds"] > 0]
    assert {"κ ≈ 1.0", "κ ≈ 10", "κ ≈ 100", "not finite"} <= set(texts(draw(frames, "data")))
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
    assert len(svg) < 60_000
    assert not re.search(r' (?:d|x|y|points)="[^"]*\.\d{3}', svg)
    assert {"size n", "√n · u", "W1 · near_optimum data", "central_difference"} <= set(
        re.findall(r">([^<>]*)</text>", svg)
    )
    used, defined = set(re.findall(r'class="(\w+)"', svg)), set(re.findall(r"\.(\w+){", svg))
    assert used == defined
    assert not used & set(re.findall(r'class="(\w+)"', as_svg(figure, "other", "Error")))


def test_two_figures_share_no_ids_on_a_page(frames):
    one, other = (
        set(re.findall(r' id="([^"]+)"', as_svg(draw(frames, "time"), name, "Time"))) for name in ("one", "other")
    )
    assert one and not one & other


@pytest.mark.parametrize("name", DRAWN)
def test_foreign_text_is_text_in_every_figure(frames, name):
    methods = {key: entry | {"label": HOSTILE} for key, entry in methods_of(frames.runs[0], frames.cells).items()}
    svg = as_svg(draw(frames, name, methods), "hostile", HOSTILE, HOSTILE)
    assert "<script" not in svg and "&lt;script&gt;" in svg and "\u202e" not in svg
    assert max(map(len, re.findall(r">([^<>]*)</text>", svg))) < 200
    assert svg.count("$") == svg.count("$\\frac{x$") * 2


def test_a_page_may_redefine_ink_muted_grid_and_paper_and_no_reader_needs_to(frames):
    svg = as_svg(draw(frames, "time"), "time", "Time")
    rules = re.findall(r"\.\w+{([^}]*)}", svg)
    variables = {"--ink": "#222222", "--muted": "#666666", "--grid": "#e4e4e4", "--paper": "#ffffff"}
    for variable, color in variables.items():
        following = [rule for rule in rules if f"var({variable},{color})" in rule]
        assert following and all(re.search(rf"(fill|stroke):{color};\1:var\({variable},", rule) for rule in following)
        assert not [rule for rule in rules if color in rule and rule not in following]
    assert "#000000" not in svg


def test_the_text_alternative_is_the_title_and_what_the_figure_shows(frames):
    job = render.Job("time", frames.cells, methods_of(frames.runs[0], frames.cells), "stem", HOSTILE)
    (drawn,) = render.drawn([job])
    assert re.match(r'<svg role="img" [^>]*><title>[^<]*&lt;script&gt;[^<]*</title><desc>([^<]*)</desc>', drawn.svg)
    assert f"<desc>{drawn.reading}</desc>" in drawn.svg and drawn.file == "stem.svg"


def reading(frames, name):
    figure = DRAWN[name]
    return figure.reading(figure.frame(frames.cells, frames.scores), methods_of(frames.runs[0], frames.cells))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("speedup", "textbook is the fastest form at n = 8, factored is the fastest form at n = 128 and 512; "
                    "textbook falls behind autograd at n = 512, where it takes 22.. times its time"),
        ("time", r"from n = 128 to 512, time grows as n to the power 2.8. .*\(textbook\), 1.2. .*\(factored\)"),
        ("slopes", "the largest break is textbook's at n = 128, from 0.6. to 2.8."),
        ("ratio_map", "Of 12 ratios .*, 9 are faster, 2 are slower, 1 is not told apart; they go from 0.16.* to 22.9 "),
        ("overhead", r"overhead for textbook up to n ≈ 7., factored up to n ≈ 200 and autograd up to n ≈ 4.0"),
        ("roofline", "textbook at n = 512 comes nearest to what limits it, the peak rate of computing: 45 % of it; "),
        ("speed_error", "For W1 in float32 at n = 512, of .* factored .* beaten by no other"),
        ("error", "For W1 in float32 on uniform data, at n = 8 to 512, median errors are the forms' 1.* u to 1.* u"),
        ("ulp", "at n = 512, half of a gradient's entries are within .*, whether by textbook, factored or autograd"),
        ("data", "at n = 512, from uniform to near_optimum data κ goes from 1.0 to 100, the largest relative error"),
        ("overflow", "first that is not finite: loss at n = 128 and gradient at n = 512; textbook loses"),
    ],
)  # fmt: skip
def test_a_reading_says_what_the_figure_shows(frames, name, expected):
    said = reading(frames, name)
    assert re.search(expected, said), said
    assert said.endswith(".") and said.count(". ") == 0


def test_what_intervals_do_not_tell_apart_is_not_called_a_difference(make_run):
    run = make_run(sizes=(8, 128, 512), grids=((ONE, "W1", "float32"),), truth=of_few(lambda method, n: 20e-6))
    frames = limited(run)
    assert "no form is told apart from the others as the fastest at n = 8 to 512" in reading(frames, "speedup")
    assert "none is told apart as slower than autograd" in reading(frames, "speedup")
    assert "no exponent is told apart from the one before it" in reading(frames, "slopes")
    assert "6 are not told apart" in reading(frames, "ratio_map")
    axis = draw(frames, "slopes").axes[0]
    assert not any(len(line.get_xdata()) for line in axis.lines if line.get_label() == "break")


ODD = {
    "one size": {"sizes": (8,)},
    "one form": {"truth": lambda problem, method, n: 1e-6 * n if method in ("textbook", "autograd") else None},
    "no form": {"truth": lambda problem, method, n: 1e-6 * n if method in ("autograd", "jacrev") else None},
    "no autograd": {"statuses": {"autograd": ("timeout", None)}},
    "all failed": {"statuses": dict.fromkeys(("textbook", "factored", "autograd"), ("oom", "out of memory"))},
    "another shape": {"samples_per_size": 4, "sizes": (8, 32)},
    "another device": {"device": "cuda", "work": lambda method, size: (None, None)},
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_runs_have_figures_without_empty_panels_or_warnings(make_run, odd):
    fields = {"sizes": (8, 32), "grids": ((ONE, "W1", "float32"),), "work": work, "edit": with_peak_rates}
    fields |= {"truth": of_few(lambda method, n: 1e-6 * n)} | ODD[odd]
    frames = limited(make_run(**fields))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in DRAWN.items():
            if not (frame := figure.frame(frames.cells, frames.scores)).empty:
                drawn = draw(frames, name)
                as_svg(drawn, name, name)
                assert all(axis.lines or axis.collections for axis in drawn.axes), name
                said = figure.reading(frame, methods_of(frames.runs[0], frames.cells))
                assert said.endswith(".") and "nan" not in said and "–" not in said, said


def test_a_figure_is_drawn_from_a_readers_own_frame(frames):
    own = frames.cells.query("dtype == 'float16' and method in ('textbook', 'autograd')")
    figure = speedup(own)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["W1 · float16"]
    assert "textbook" in texts(figure)
    with pytest.raises(ValueError, match="expected rows to draw, got none"):
        speedup(own.head(0))
    with pytest.raises(ValueError, match="expected one device, got 2 .*filter the frame"):
        speedup(pd.concat([own, own.assign(device="cuda")]))


def test_a_tile_that_failed_is_grey_with_its_status_and_one_that_is_not_decided_is_hatched(make_run):
    statuses = {"textbook": ("oom", "out of memory")}
    run = make_run(sizes=(8, 32), grids=((ONE, "W1", "float32"),), statuses=statuses,
                   truth=of_few(lambda method, n: 20e-6 if n == 8 or method == "autograd" else 4e-6))  # fmt: skip
    figure = draw(limited(run), "ratio_map")
    failed, factored = figure.axes
    assert [text.get_text() for text in failed.texts] == ["oom", "oom"]
    assert len({tuple(color) for color in failed.collections[0].get_facecolor()}) == 1
    assert [text.get_text() for text in factored.texts] == ["1.00", "0.20"]
    (hatched,) = [it for it in factored.collections if it.get_hatch()]
    (tile,) = hatched.get_paths()
    assert tile.get_extents().x0 == 0


def test_the_roofline_has_the_machines_ceilings_and_is_left_out_without_them(frames):
    axis = panel(draw(frames, "roofline"), "W1 · float32 · n = 8 to 512")
    (flat,) = [line for line in axis.lines if set(line.get_ydata()) == {PEAK}]
    assert flat.get_xdata()[0] == pytest.approx(PEAK / BANDWIDTH)
    rising = [line for line in axis.lines if np.allclose(np.divide(line.get_ydata(), line.get_xdata()), BANDWIDTH)]
    assert len(rising) == 1
    assert DRAWN["roofline"].frame(with_limits(frames.cells, None), frames.scores).empty


def test_the_knee_is_where_overhead_and_work_are_equal(frames):
    axis = panel(draw(frames, "overhead"), "W1 · float32")
    knees = [line for line in axis.lines if line.get_label() == "knee"]
    assert len(knees) == 3
    (of_textbook,) = [line for line in knees if line.get_ydata()[0] == pytest.approx(2 * 8e-6, rel=0.05)]
    assert of_textbook.get_xdata()[0] == pytest.approx(8e-6 / 2.2e-11, rel=0.1)  # of the synthetic truth, flops = n³


def test_breaks_stand_where_an_exponent_changes_beyond_the_intervals(make_run):
    run = make_run(sizes=(8, 32, 128, 512), grids=((ONE, "W1", "float32"),),
                   truth=of_few(lambda method, n: 1e-5 * max(1, n / 32) ** 2))  # fmt: skip
    axis = draw(limited(run), "slopes").axes[0]
    rings = [list(line.get_xdata()) for line in axis.lines if line.get_label() == "break"]
    assert rings == [[32], [32], [32]]


def test_a_method_is_off_the_front_only_where_another_is_told_apart_as_better_and_is_no_worse():
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


def test_figures_are_the_same_bytes_in_whatever_process_they_are_drawn(make_run, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    frames = limited(make_run(sizes=(8, 32), grids=((ONE, "W1", "float32"),), truth=of_few(lambda method, n: 1e-6 * n)))
    methods = methods_of(frames.runs[0], frames.cells)
    found = {name: figure.frame(frames.cells, frames.scores) for name, figure in DRAWN.items()}
    jobs = [
        render.Job(name, frame, methods, f"{name}-{again}", name)
        for again, (name, frame) in itertools.product(range(3), found.items())
        if len(frame)
    ]
    assert len(jobs) > render.FEW
    together = render.drawn(jobs)
    assert together == [it for job in jobs for it in render.drawn([job])]
    assert all("<dc:date>" not in it.svg for it in together)
