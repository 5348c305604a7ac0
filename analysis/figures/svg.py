"""A figure as an SVG element. No torch here."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections import Counter

import matplotlib as mpl
from markupsafe import escape
from matplotlib.figure import Figure

from analysis.text import short

FONTS = "DejaVu Sans,Verdana,Arial,sans-serif"
"""What the figures are laid out with, then the widest that readers have."""


def as_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element, the same bytes every time. `name` seeds its ids, so two fit on one page."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), warnings.catch_warnings():
        # Text stays text, so the reader's fonts draw it, and those may have letters that the fonts here lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=None)
    text = buffer.getvalue().decode()
    label = escape(short(description, 200))
    return _compact(text[text.index("<svg") :], name).replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _compact(element: str, name: str) -> str:
    """The same drawing in half the bytes: two decimals, styles that repeat as classes, nothing that is empty."""
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    kept = re.split(r"(<[^>]*>)", element)
    element = "".join(
        _tag(part) if part.startswith("<") else part if part.strip() or part == " " else "" for part in kept
    )
    for _ in range(4):  # a group that held empty groups only is empty once they are gone
        element = re.sub(r"<g(?: [^>]*)?/>|<g></g>", "", element)
    styles = Counter(re.findall(r' style="([^"]*)"', element))
    salt = hashlib.sha256(name.encode()).hexdigest()[:8]  # a page's figures share one space of class names
    classes = {style: f"s{salt}{place}" for place, (style, count) in enumerate(styles.items()) if count > 2}
    rules = "".join(f".{short_name}{{{style}}}" for style, short_name in classes.items())
    element = re.sub(
        r' style="([^"]*)"', lambda it: f' class="{classes[it[1]]}"' if it[1] in classes else it[0], element
    )
    return element.replace("</style>", f"{rules}</style>", 1)


def _tag(tag: str) -> str:
    """One tag with its numbers to two decimals, without the ids that nothing refers to."""
    tag = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", tag)
    tag = re.sub(r"(?<![#\w.])-?\d+\.\d{3,}", lambda it: f"{float(it[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = re.sub(r' d="([^"]*)"', lambda it: f' d="{_path(it[1])}"', tag)
    return re.sub(r"([:;]) ", r"\1", tag) if " style=" in tag else tag


def _path(data: str) -> str:
    """A path without the white space that its letters make needless."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(data.split()))
