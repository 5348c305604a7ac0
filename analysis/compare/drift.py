"""How a machine's state differs from case to case and from run to run, which processes do not show. No torch here.

A case is measured in a few seconds, by all processes in turn. What the machine is like in them (clock, neighbours) is
in every time of the case, so that two runs of one machine differ by more than their processes do. The overhead tells by
how much: it is the time of an empty call, taken in every segment, and no method has a part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradiometer.analysis.intervals import Floats, welch

BETWEEN_RUNS = 0.02
"""Standard deviation, between two runs, of the log of what many cases share, and the least that one case's is taken
for. Over three runs of two shared cores in a quiet hour it was 0.013 to 0.020."""


@dataclass(frozen=True)
class State:
    """What an empty call tells of the machines of A and B. Of the log of its time: the standard deviation from case
    to case, `a` and `b`; of the difference of two cases `deviation`, with its `degrees` of freedom; and B's middle less
    A's, `shift`, null where it is not told.
    """

    a: float
    b: float
    deviation: float
    degrees: float
    shift: float

    def unseen(self, cases: Floats, one_machine: bool) -> tuple[Floats, Floats]:
        """Standard deviation of a change over so many `cases`, beyond what processes show; its degrees of freedom.

        How much of the shift is in a change is not known: on one machine all of it counts as error, on two it is what
        the comparison is about.
        """
        of_cases = self.deviation / np.sqrt(cases)
        known = of_cases > BETWEEN_RUNS
        shift = self.shift if one_machine and np.isfinite(self.shift) else 0.0
        return np.hypot(np.where(known, of_cases, BETWEEN_RUNS), shift), np.where(known, self.degrees, np.inf)


def state(segments_a: pd.DataFrame, segments_b: pd.DataFrame) -> State:
    """What the overheads of two runs tell; a run without two cases that have one does not deviate."""
    sides = [np.log(_overheads(segments)) for segments in (segments_a, segments_b)]
    several = [side for side in sides if len(side) > 1]
    deviation, degrees = welch(
        np.array([side.std() for side in several]), np.array([len(side) - 1.0 for side in several])
    )
    a, b = (float(side.std()) if len(side) > 1 else 0.0 for side in sides)
    return State(a, b, float(deviation), float(degrees), float(sides[1].median() - sides[0].median()))


def _overheads(segments: pd.DataFrame) -> pd.Series:
    """By case, the median of its segments' overheads in seconds."""
    return segments.loc[segments["overhead_s"] > 0].groupby("case_id")["overhead_s"].median()
