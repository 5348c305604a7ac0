"""Decompositions of special functions of one or two numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {}
"""Operation overload → its decomposition."""
