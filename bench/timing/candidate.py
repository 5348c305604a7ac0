"""Candidates of the engine: callables that are timed against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradiometer.timing.clocks import Call


def nothing() -> None:
    """The empty call, whose time is the overhead."""


@dataclass
class Candidate:
    """A callable being timed, built by `make`. After a failure it is not called again.

    `result` is what the last timed block returned.
    """

    name: str
    make: Callable[[], Call]
    call: Call = nothing
    estimate_s: float = 0.0
    failure: tuple[str, str] | None = None
    result: Any = None


def failed(error: Exception) -> tuple[str, str]:
    """Status and reason of a candidate that raised."""
    return "error", f"{type(error).__name__}: {error}"
