"""Selections of rows that several figures draw or describe."""

from __future__ import annotations

import pandas as pd

from gradiometer.storage.schema import BASELINE


def forms(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the hand-derived forms."""
    return frame[frame["family"] == "analytic"]


def forms_and_autograd(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the forms and of autograd, for figures with room for few methods."""
    return frame[(frame["family"] == "analytic") | (frame["method"] == BASELINE)]
