"""What all figures have in common: axes, labels that do not overlap, counts of what is not drawn, SVG."""

import itertools
import re
import warnings

import pytest

from gradiometer import analysis
from gradiometer.analysis.drawing import render, style
from gradiometer.analysis.drawing.annotate import spread
from gradiometer.analysis.drawing.svg import as_svg
from gradiometer.analysis.frames import methods_of
from gradiometer.analysis.wording.figures import sentence
from tests.analysis.figures.pictures import ENTRIES, ONE, draw, of_few, texts, with_peak_rates, work

HOSTILE = r"$\frac{x$ <script>alert(1)</script> | " + "\u202eלום" + " x" * 150


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


@pytest.mark.parametrize("name", ENTRIES)
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


@pytest.mark.parametrize("name", ENTRIES)
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


ODD = {
    "one size": {"sizes": (8,)},
    "one form": {"truth": lambda problem, method, n: 1e-6 * n if method in ("textbook", "autograd") else None},
    "no form": {"truth": lambda problem, method, n: 1e-6 * n if method in ("autograd", "jacrev") else None},
    "no autograd": {"statuses": {"autograd": ("timeout", None)}},
    "all failed": {"statuses": dict.fromkeys(("textbook", "factored", "autograd"), ("oom", "out of memory"))},
    "another shape": {"samples_per_size": 4, "sizes": (8, 32)},
    "another device": {"device": "cuda", "work": lambda method, size: (None, None)},
}


SLOW = ("one form", "no form", "another shape")


@pytest.mark.parametrize("odd", [pytest.param(odd, marks=[pytest.mark.slow] * (odd in SLOW)) for odd in ODD])
def test_odd_runs_have_figures_without_empty_panels_or_warnings(make_run, odd):
    """Nearly half of the runs are marked slow."""
    fields = {"sizes": (8, 32), "grids": ((ONE, "W1", "float32"),), "work": work, "edit": with_peak_rates}
    fields |= {"truth": of_few(lambda method, n: 1e-6 * n)} | ODD[odd]
    frames = analysis.load(make_run(**fields))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in ENTRIES.items():
            if not (frame := figure.frame(frames.cells, frames.scores)).empty:
                drawn = draw(frames, name)
                as_svg(drawn, name, name)
                assert all(axis.lines or axis.collections for axis in drawn.axes), name
                said = sentence(name, figure.numbers(frame, methods_of(frames.runs[0], frames.cells)))
                assert said.endswith(".") and "nan" not in said and "–" not in said, said


def test_figures_are_the_same_bytes_in_whatever_process_they_are_drawn(make_run, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    frames = analysis.load(
        make_run(sizes=(8, 32), grids=((ONE, "W1", "float32"),), truth=of_few(lambda method, n: 1e-6 * n))
    )
    methods = methods_of(frames.runs[0], frames.cells)
    found = {name: figure.frame(frames.cells, frames.scores) for name, figure in ENTRIES.items()}
    jobs = [
        render.Job(name, frame, methods, f"{name}-{again}", name)
        for again, (name, frame) in itertools.product(range(3), found.items())
        if len(frame)
    ]
    assert len(jobs) > render.FEW
    together = render.drawn(jobs)
    assert together == [it for job in jobs for it in render.drawn([job])]
    assert all("<dc:date>" not in it.svg for it in together)
