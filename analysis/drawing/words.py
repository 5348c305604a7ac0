"""Parts of the sentences that say what a figure shows. No torch here.

A reading is plain text about the figure's first panel. It calls a difference one only where intervals say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from gradiometer.analysis.drawing.layout import Key
from gradiometer.analysis.text import listed, short
from gradiometer.storage.schema import BASELINE


def where(key: Sequence[str]) -> str:
    """`W1 in float32`, and `W1 in float32, m = 32 n`: what a sentence is about, of a panel's key."""
    wrt, dtype, *shape = key
    return ", ".join([f"{short(wrt, 40)} in {dtype}", *(part for part in shape if part)])


def at(sizes: Iterable[int], measured: Iterable[int]) -> str:
    """`n = 8 to 512`, where `sizes` are successive among those `measured`; else `n = 8, 32 and 512`."""
    found, known = sorted(set(sizes)), sorted(set(measured))
    successive = found == [size for size in known if found[0] <= size <= found[-1]]
    return f"n = {found[0]} to {found[-1]}" if successive and len(found) > 2 else f"n = {listed(map(str, found))}"


def names(methods: Iterable[str], joiner: str = "and", most: int = 5) -> str:
    """Methods' names in a sentence; the last is how many more there are, where they are many."""
    found = [short(name, 40) for name in methods]
    shown = found if len(found) <= most else [*found[: most - 1], f"{len(found) - most + 1} others"]
    return listed(shown, joiner)


def forms(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the hand-derived forms."""
    return frame[frame["family"] == "analytic"]


def own(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the forms and of autograd: those that a figure with room for few methods shows."""
    return frame[(frame["family"] == "analytic") | (frame["method"] == BASELINE)]


def nothing(what: str, key: Key) -> str:
    """The sentence where a first panel has none of what the figure is about."""
    return f"For {where(key)}, no hand-derived form has {what}."
