"""A figure as an SVG element."""

from __future__ import annotations

import hashlib
import io
import re
import warnings

import matplotlib as mpl
from markupsafe import escape
from matplotlib.figure import Figure

from gradiometer.analysis.drawing.style import GRID, INK, MUTED, PAPER
from gradiometer.analysis.text import clean, short

FONTS = "DejaVu Sans,Verdana,Arial,sans-serif"
"""The font of the layout, then fonts of readers that are as wide."""

VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"}
"""Colour → the CSS variable with which a page can redefine it."""


def as_svg(figure: Figure, name: str, title: str, reading: str = "") -> str:
    """The figure as an SVG element, the same bytes every time. `name` seeds its ids, so two figures fit on one page.

    `title` and `reading` are its text alternative (name and description). The style sheet of a page can set its colours
    with `--ink`, `--muted`, `--grid` and `--paper`.
    """
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        # Text stays text and is drawn by the reader's fonts, which may have letters that are missing here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=None)
    text = buffer.getvalue().decode()
    texts = {"title": short(title, 200), "desc": clean(reading)}
    alternative = "".join(f"<{tag}>{escape(words)}</{tag}>" for tag, words in texts.items() if words)
    element = _compact(text[text.index("<svg") :], name).replace("<svg ", '<svg role="img" ', 1)
    return re.sub(r"(<svg [^>]*>)", lambda it: it[1] + alternative, element, count=1)


def _compact(element: str, name: str) -> str:
    """The same drawing in a third of the bytes: two decimals, styles as classes, short names, no empty groups."""
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    parts = [part for part in re.split(r"(<[^>]*>)", element) if part.strip() or part == " "]
    element = "".join(_without_plain_groups([_tag(part) if part.startswith("<") else part for part in parts]))
    salt = hashlib.sha256(name.encode()).hexdigest()[:6]  # all figures of a page share one namespace
    for place, found in enumerate(dict.fromkeys(re.findall(r' id="([^"]*)"', element))):
        element = re.sub(rf'(["#]){found}([")])', rf"\1i{salt}{place}\2", element)
    classes = {style: f"s{salt}{place}" for place, style in enumerate(dict.fromkeys(re.findall(_STYLE, element)))}
    rules = "".join(f".{short_name}{{{_with_variables(style)}}}" for style, short_name in classes.items())
    element = re.sub(_STYLE, lambda it: f' class="{classes[it[1]]}"', element)
    # The marks of one line share a style: it moves to their group.
    element = re.sub(
        r'<g( clip-path="[^"]*")?>((?:<use [^>]*?( class="\w+")/>)(?:<use [^>]*?\3/>)*)</g>', _style_once, element
    )
    return element.replace("</style>", f"{rules}</style>", 1)


_STYLE = r' style="([^"]*)"'


def _style_once(group: re.Match[str]) -> str:
    return f"<g{group[1] or ''}{group[3]}>{group[2].replace(group[3], '')}</g>"


def _with_variables(style: str) -> str:
    """Colours that a page can redefine twice: as a value, for readers without CSS variables, then as a variable."""
    return re.sub(
        r"(fill|stroke):(#[0-9a-f]{6})(?=;|$)",
        lambda it: f"{it[0]};{it[1]}:var({VARIABLES[it[2]]},{it[2]})" if it[2] in VARIABLES else it[0],
        style,
    )


def _without_plain_groups(parts: list[str]) -> list[str]:
    """Without groups that have no attributes, and without empty groups and definitions."""
    kept: list[str] = []
    opened: list[bool] = []
    for part in parts:
        if part == "<g/>":
            continue
        if part.startswith("<g ") or part == "<g>":
            opened.append(part != "<g>")
            if not opened[-1]:
                continue
        elif part == "</g>":
            if not opened.pop():
                continue
            if kept[-1].startswith("<g "):
                kept.pop()
                continue
        kept.append(part)
    return kept


def _tag(tag: str) -> str:
    """One tag with numbers of two decimals, without unused ids."""
    tag = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", tag)
    tag = re.sub(r"(?<![#\w.])-?\d+\.\d{3,}", lambda it: f"{float(it[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = re.sub(r' d="([^"]*)"', lambda it: f' d="{_path(it[1])}"', tag)
    return re.sub(r"([:;]) ", r"\1", tag) if " style=" in tag else tag


def _path(data: str) -> str:
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(data.split()))
