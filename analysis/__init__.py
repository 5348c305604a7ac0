"""Reads run folders and presents them: frames, insights, figures, comparisons and reports.

May import `gradiometer.storage`, `gradiometer.statistics` and `gradiometer.errors`, and nothing else that measures.

    frames = gradiometer.load(["results/2026-01-01-quick"])
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
    """Read one or more run folders; see `frames.load`. Importing this package does not import pandas."""
    from gradiometer.analysis import frames

    return frames.load(paths)
