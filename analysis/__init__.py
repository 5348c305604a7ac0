"""Reads the rows that `bench/` wrote, and draws. Never imports torch; of `bench/`, only what has none of it.

import analysis
frames = analysis.load(["results/2026-01-01-quick"])
frames.cells, frames.errors, frames.segments, frames.samples
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradiometer.analysis.frames import Frames

__all__ = ["load"]


def load(paths: str | Path | Iterable[str | Path]) -> Frames:
    """The tables of one or more run folders as pandas frames; see `frames.load` (pandas loads only now)."""
    from gradiometer.analysis import frames

    return frames.load(paths)
