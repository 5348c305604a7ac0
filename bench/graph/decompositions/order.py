"""Decompositions of scans and order statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {}
"""Operation overload → its decomposition."""
