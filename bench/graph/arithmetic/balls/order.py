"""Operations of scans and order statistics in balls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

OPERATIONS: Mapping[str, Callable[..., Any]] = {}
"""Operation → its function in balls."""
