"""An arm: one of the ways that are measured against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.timing.clocks import Call


def nothing() -> None:
    """The empty call, measured like an arm: the floor."""


@dataclass
class Arm:
    """A way being measured. `result` is what the last timed block returned; a failed arm is visited no more."""

    name: str
    make: Callable[[], Call]
    call: Call = nothing
    estimate_s: float = 0.0
    failure: tuple[str, str] | None = None
    result: Any = None


def failed(error: Exception) -> tuple[str, str]:
    """Status and reason of an arm that raised."""
    return "error", f"{type(error).__name__}: {error}"
