"""Formats numbers, units and intervals, and escapes foreign names for each output format."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and characters that reverse the text around them."""

_LEFTWARD_LETTERS = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]+"
_LEFTWARD = re.compile(rf"{_LEFTWARD_LETTERS}(?:\s+{_LEFTWARD_LETTERS})*")
"""Words of scripts that run from right to left."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


FAMILIES = {
    "analytic": "hand-derived forms",
    "reverse": "reverse mode",
    "forward": "forward mode",
    "numeric": "finite differences",
}
"""Family of methods → its name in a text."""


def mapping(value: object) -> dict[str, Any]:
    """An entry of run.json that is to be a dictionary; empty where it is none."""
    return value if isinstance(value, dict) else {}


def family_title(family: str) -> str:
    """The name of a family of methods as a heading."""
    return FAMILIES[family].capitalize() if family in FAMILIES else short(family, 24)


def clean(text: object) -> str:
    """The text on one line, without characters that change the text around it.

    Words from right to left are isolated (U+2068 … U+2069), so that they do not move the numbers beside them: Unicode
    Standard Annex 9, Unicode Bidirectional Algorithm, 2.4.
    """
    return _LEFTWARD.sub("\u2068\\g<0>\u2069", _plain(text))


def _plain(text: object) -> str:
    return _HIDDEN.sub("", " ".join(str(text).split()))


def short(text: object, most: int) -> str:
    """`clean` text of at most `most` characters; the last one is … if the text was cut."""
    whole = _plain(text)
    return clean(whole if len(whole) <= most else whole[: most - 1] + "…")


def markdown(text: object) -> str:
    """`clean` text, escaped so that Markdown starts no block, table cell, tag, link, emphasis or formula in it."""
    escaped = re.sub(r"[\\`*|$~]|\](?=[(\[:])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", clean(text))
    escaped = re.sub(r"^(?=[-=]{2,}|[#+-]+\s|[-+=#]+$)|^\d+(?=[.)]\s)", r"\g<0>\\", escaped)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def file_name(text: str) -> str:
    """`text` as part of a file name: no path, no hidden or long name; different texts have different names."""
    kept = re.sub(r"[^A-Za-z0-9._+-]+", "_", text).lstrip(".")[:80]
    return kept if kept == text else f"{kept[:70]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits; from 0.001 to a million without an exponent; – for a missing one."""
    if pd.isna(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return scientific(value, digits)
    decimals = digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def scientific(value: float, digits: int = 2) -> str:
    """`1.2×10⁻⁷`; – for a missing number."""
    if pd.isna(value) or math.isinf(value) or value == 0:
        return number(value)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def seconds(value: float, low: float = math.nan, high: float = math.nan, digits: int = 3) -> str:
    """A time with its interval in a suitable unit: `12.3 [12.0, 12.6] µs`."""
    if pd.isna(value):
        return "–"
    units = {1e-9: "ns", 1e-6: "µs", 1e-3: "ms", 1.0: "s"}
    scale = max((unit for unit in units if abs(value) >= unit), default=1e-9)
    return f"{interval(value / scale, low / scale, high / scale, digits)} {units[scale]}"


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """`1.23 [1.20, 1.26]`; the value alone if its interval is not known."""
    ends = "" if pd.isna(low) or pd.isna(high) else f" [{number(low, digits)}, {number(high, digits)}]"
    return number(value, digits) + ends


def exponent(value: float, low: float, high: float) -> str:
    """`2.88 [2.86, 2.91]`: two decimals, because an exponent near 0 is read as 0."""
    ends = "" if pd.isna(low) or pd.isna(high) else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{ends}"


def size_bytes(value: float) -> str:
    """Bytes in a suitable binary unit."""
    power = min(int(math.log2(value) // 10), 4) if value >= 1 else 0
    return f"{number(value / 1024**power)} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def without_numbers(reason: str) -> str:
    """A reason with … in place of its numbers, so that reasons that differ only in numbers are equal."""
    return re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "…", reason)


def without_measures(cause: str) -> str:
    """A cause of interference without its amount: `stolen by the hypervisor`."""
    return re.sub(r"^… (s )?|( for| in) … s\b", "", without_numbers(cause))


def counted(reasons: Mapping[str, int]) -> str:
    """`8 skipped, 4 unsupported`."""
    return ", ".join(f"{count} {name}" for name, count in reasons.items())


def listed(items: Iterable[str], joiner: str = "and") -> str:
    """`a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} {joiner} {last}" if first else last
