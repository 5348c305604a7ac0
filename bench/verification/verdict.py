"""The verdict on one gradient, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

TORCH = "torch.func.grad"
"""Name of torch's own derivative among the forms of a problem. The name of a form cannot contain a dot."""

VERDICTS = {
    "exact": "exact",
    "rounded_constants": "exact up to rounded constants",
    "wrong": "wrong",
    "unchecked": "not checked",
}
"""Verdict as stored → as printed, from best to worst. With rounded constants, the difference is zero once each constant
of the program is replaced by the interval of numbers that round to it.
"""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one form, or on torch's own derivative (`form` is then TORCH).

    `digits`: decimal digits in which the form agrees with the exact derivative at `points` points, relative to the sum
    of absolute terms; null where it was not compared. `is_proved`: equal as polynomials, except with a probability of
    at most 2^`chance_log2`. `traceback`: of an error inside the checker, which is a bug; null otherwise.
    """

    problem: str
    wrt: str
    form: str
    verdict: str
    digits: float | None
    points: int
    dims: str
    diagnosis: str | None = None
    is_proved: bool = False
    chance_log2: float | None = None
    traceback: str | None = None

    @property
    def text(self) -> str:
        """The verdict in one line: `PROBLEM WRT FORM: VERDICT, …; diagnosis`."""
        line = f"{self.problem} {self.wrt} {self.form}: {VERDICTS[self.verdict]}"
        if self.digits is not None:
            line += f", agrees to {int(self.digits)} digits at {self.points} points ({self.dims})"
        if self.is_proved and self.chance_log2 is not None:
            line += f"; proved (error probability 2^{math.ceil(self.chance_log2)})"
        return line + (f"; {self.diagnosis}" if self.diagnosis else "")
