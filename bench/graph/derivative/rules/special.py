"""Derivative rules of special functions of one or two numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

RULES: Mapping[str, Callable[..., Any]] = {}
"""Operation → its rule."""
