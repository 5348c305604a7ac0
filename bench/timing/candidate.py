"""An candidate: one of the ways that are measured against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradiometer.timing.clocks import Call


def nothing() -> None:
    """The empty call, measured like an candidate: the overhead."""


@dataclass
class Candidate:
    """A way being measured. `result` is what the last timed block returned; a failed candidate is visited no more."""

    name: str
    make: Callable[[], Call]
    call: Call = nothing
    estimate_s: float = 0.0
    failure: tuple[str, str] | None = None
    result: Any = None


def failed(error: Exception) -> tuple[str, str]:
    """Status and reason of an candidate that raised."""
    return "error", f"{type(error).__name__}: {error}"
