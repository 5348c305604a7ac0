"""Longest times that a worker may take, by what it does; past them it is stopped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeLimits:
    """Limits in seconds. A study sets the first (`timeout_s`) and `verification_s` (`verify_timeout_s`)."""

    call_s: float = 10.0
    """One call of a method, one block of calls while timing, or one `prepare`."""
    reference_s: float = 60.0
    """The reference and the bounds of one draw."""
    verification_s: float = 60.0
    """All forms of one wrt, or one form that is verified alone."""
    cost_s: float = 60.0
    """Operations and memory of one method."""
    peak_rates_s: float = 60.0
    """The peak rates of one configuration."""
    start_s: float = 180.0
    """Loading problems and warming up. Importing torch from a cold disk takes long."""
    other_s: float = 60.0
    """Everything else between two calls: drawing inputs, summarising and sending samples."""


LIMITS = TimeLimits()
