"""Figures: everything drawn or counted as not drawn, one look per method, other people's text left alone."""

import re

import pytest

import analysis
from analysis.figures import FIGURES, style
from analysis.figures.svg import as_svg
from analysis.frames import methods_of

ONE = "linear_autoencoder"
DRAWN = {figure.name: figure for figure in FIGURES}
HOSTILE = r"$\frac{x$ <script>alert(1)</script> | " + "\u202eלום" + " x" * 150


@pytest.fixture(scope="module")
def frames(make_run):
    return analysis.load(
        [make_run(name="few", sizes=(8, 128, 512), grids=((ONE, "W1", "float32"), (ONE, "W1", "float16")))]
    )


def draw(frames, name, methods=None):
    figure = DRAWN[name]
    frame = figure.frame(frames.cells, frames.errors)
    return figure.draw(frame, methods or methods_of(frames.runs[0], frames.cells))


def texts(figure):
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


@pytest.mark.parametrize("name", DRAWN)
def test_axes_are_logarithmic_and_say_their_units(frames, name):
    figure = draw(frames, name)
    shown = " ".join(texts(figure))
    unit = {"time": "µs", "speed_error": "µs", "speedup": "×", "error": "no unit"}[name]
    assert unit in shown
    for axis in figure.axes:
        assert axis.get_yscale() == "log" == axis.get_xscale()
        assert axis.get_xlabel()
        assert axis.lines or axis.containers


@pytest.mark.parametrize("name", ["time", "speedup", "error"])
def test_sizes_are_plain_numbers(frames, name):
    figure = draw(frames, name)
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["8", "128", "512"]


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_not_drawn_is_counted(frames, name):
    shown = " ".join(texts(draw(frames, name)))
    assert ("27 not finite" if name == "error" else "skipped") in shown
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


def test_the_legend_is_outside_the_axes_and_lies_over_nothing(frames):
    figure = draw(frames, "time")
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    for axis in figure.axes:
        assert not box.overlaps(axis.get_tightbbox())
    notes = [text.get_window_extent() for text in figure.texts]
    entries = [text.get_window_extent() for text in legend.get_texts() if text.get_text().strip()]
    assert not any(note.overlaps(entry) for note in notes for entry in entries)


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
