"""A figure as an SVG element. No torch here."""

from __future__ import annotations

import io
import re
import warnings

import matplotlib as mpl
from markupsafe import escape
from matplotlib.figure import Figure

from analysis.text import short


def as_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element, the same bytes every time. `name` seeds its ids, so two fit on one page."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), warnings.catch_warnings():
        # Text stays text, so the reader's fonts draw it, and those may have letters that the fonts here lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=None)
    text = buffer.getvalue().decode()
    element = text[text.index("<svg") :]
    without_ids = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", element)
    label = escape(short(description, 200))
    return without_ids.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
