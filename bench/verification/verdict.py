"""The verdict on a derivation, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

TORCH = "torch"
"""The form that stands for torch's own derivative."""

VERDICTS = {
    "exact": "the difference is zero, to all digits",
    "rounded_constants": "the difference is zero but for constants that were rounded when they were written",
    "wrong": "not the loss's derivative",
    "unchecked": "not checkable",
}
ORDER = tuple(VERDICTS)
"""From best to worst."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one form (`torch` for torch's own derivative).

    `digits`: decimal digits to which it agrees at `points` points, relative to the sum of its terms' absolute values;
    null where it was not compared. `is_proved`: equal as polynomials but for a probability of at most 2^`chance_log2`.
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

    @property
    def text(self) -> str:
        """The verdict in one line."""
        said = f"{self.problem} {self.wrt} {self.form}: {self.verdict.replace('_', ' ')}"
        if self.digits is not None:
            said += f", agrees to {int(self.digits)} digits at {self.points} points ({self.dims})"
        if self.is_proved and self.chance_log2 is not None:
            said += f"; proved up to probability 2^{math.ceil(self.chance_log2)}"
        return said + (f"; {self.diagnosis}" if self.diagnosis else "")
