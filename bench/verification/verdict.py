"""The verdict on one gradient, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradiometer.storage.schema import LEAST_DIGITS, RIGHT_VERDICTS, VERDICTS

__all__ = ["LEAST_DIGITS", "TORCH", "VERDICTS", "Verdict"]

TORCH = "torch.autograd.grad"
"""Name of torch's own derivative among the forms of a problem. The name of a form cannot contain a dot."""

LONGEST = 200
"""Most characters of the dimensions in a printed verdict."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one form, or on torch's own derivative (`form` is then TORCH).

    `verdict` is a key of VERDICTS. `digits`: decimal digits in which the form agrees with the derivative at `points`
    points, relative to the sum of absolute terms; null where it was not compared. `dims`: the dimensions of these
    points. `chance_log2`: for `proved`, log2 of the probability that two different polynomials agree at all integer
    points. `diagnosis`: the mistake, or why nothing could be checked. `remarks`: what limits a verdict (branches that
    no point reached, dimensions tied together, rounded constants). `seed`: repeats the points and dimensions.
    `traceback`: of an error inside the checker, which is a bug; null otherwise.
    """

    problem: str
    wrt: str
    form: str
    verdict: str
    digits: float | None
    points: int
    dims: str
    diagnosis: str | None = None
    remarks: str | None = None
    chance_log2: float | None = None
    seed: int | None = None
    traceback: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether the gradient is right: one of the first four verdicts, with at least LEAST_DIGITS digits if known."""
        return self.verdict in RIGHT_VERDICTS and (self.digits is None or self.digits >= LEAST_DIGITS)

    @property
    def text(self) -> str:
        """The verdict in one line: `PROBLEM WRT FORM: VERDICT at N points (DIMS); diagnosis; remarks`."""
        line = f"{self.problem} {self.wrt} {self.form}: {VERDICTS[self.verdict]}"
        if self.digits is not None and self.verdict == "wrong":
            line += f", agrees to {int(self.digits)} digits"
        elif self.digits is not None and self.verdict != "proved":
            line += f" to {int(self.digits)} digits"
        if self.points:
            line += f" at {self.points} points ({_shortened(self.dims)})"
        if self.verdict == "proved" and self.chance_log2 is not None:
            line += f", error probability 2^{math.ceil(self.chance_log2)}"
        return "; ".join(filter(None, (line, self.diagnosis, self.remarks)))


def _shortened(dims: str) -> str:
    """Tuples of dimensions as text, at most LONGEST characters, with the number of those left out."""
    tuples = dims.split("; ")
    kept = len(tuples)
    while kept > 2 and len("; ".join(tuples[:kept])) > LONGEST:
        kept -= 1
    rest = f"; {len(tuples) - kept} more" if kept < len(tuples) else ""
    return "; ".join(tuples[:kept]) + rest
