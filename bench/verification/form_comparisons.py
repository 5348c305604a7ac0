"""Compare one form with the derivative at single points, at the best level of evidence, and sum up the comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradiometer.graph.trace import TraceError
from gradiometer.storage.schema import VERDICTS
from gradiometer.verification.constraints.decisions import where_exact
from gradiometer.verification.constraints.sampled import REMARK, within_sampling
from gradiometer.verification.coverage.dimensions import dims_text
from gradiometer.verification.coverage.places import Places
from gradiometer.verification.equality import Comparison
from gradiometer.verification.equality import compare as compare_exactly
from gradiometer.verification.float64.compare import Float64Comparison, compare_float64
from gradiometer.verification.functions import UncheckableError, form_function, torch_function
from gradiometer.verification.instance import Instance
from gradiometer.verification.sample_points import Point
from gradiometer.verification.traced import Traced
from gradiometer.verification.verdict import LEAST_DIGITS, TORCH


class FormComparisons:
    """The comparisons of one form, or of torch's own derivative.

    `verdict`, `digits`, `points`, `dims` and `chance_log2` are as in Verdict; `remarks` limit the verdict.
    """

    def __init__(self, places: Places, wrt: str, form: str) -> None:
        problem = places.problem
        self.places, self.form, self.names = places, form, problem.wrts[wrt]
        self.function: Callable[..., Any] = (
            torch_function(problem, self.names) if form == TORCH else form_function(problem, problem.forms(wrt)[form])
        )
        self.label = "torch's derivative of the loss" if form == TORCH else form
        self.comparisons: list[Comparison | Float64Comparison] = []
        self.remarks: list[str] = []
        self._chances: list[float | None] = []
        self._coarse: list[Instance] = []
        self._graphs: dict[Instance, Traced | None] = {}

    @property
    def verdict(self) -> str:
        """The worst verdict of the comparisons; `proved` where all are exact and polynomials."""
        if not self.comparisons:
            return "unchecked"
        fine = [one.verdict for one in self.comparisons if one.instance not in self._coarse or one.verdict == "wrong"]
        worst = max(fine, key=list(VERDICTS).index)
        return "proved" if worst == "exact" and self.chance_log2 is not None else worst

    @property
    def digits(self) -> float | None:
        """The least digits; of the wrong comparisons where there is one."""
        wrong = [one.digits for one in self.comparisons if one.verdict == "wrong"]
        fine = [one.digits for one in self.comparisons if one.instance not in self._coarse]
        return min(wrong or fine, default=None)

    @property
    def is_coarse(self) -> bool:
        """Whether constants with few digits explain the difference, so that values of calls differ as well."""
        return self.verdict == "agrees" and self.digits is not None and self.digits < LEAST_DIGITS

    @property
    def chance_log2(self) -> float | None:
        """The largest of the instances' chances; None where one has none."""
        known = [chance for chance in self._chances if chance is not None]
        # The seed has 62 bits, so no probability over seeds is below 2^-62.
        return max(*known, -62.0) if known and len(known) == len(self._chances) else None

    @property
    def points(self) -> int:
        """Number of points compared, without those at instances compared in float64 only."""
        return sum(one.instance not in self._coarse for one in self.comparisons)

    @property
    def dims(self) -> str:
        """The tuples of dimensions of these points."""
        fine = [one.instance for one in self.comparisons if one.instance not in self._coarse]
        return "; ".join(dict.fromkeys(dims_text(place.dims) for place in fine))

    def traced(self, place: Instance) -> Traced | None:
        """The form as graphs; None where it cannot be traced."""
        if place not in self._graphs:
            self._graphs[place] = None
            try:
                self._graphs[place] = Traced(self.function, place.points[0].tensors, self.label)
            except TraceError as error:
                self.remark(f"compared in float64: {error}")
        return self._graphs[place]

    def points_at(self, place: Instance) -> list[Point]:
        """The points of an instance at which to compare. Raises UncheckableError where nothing is finite."""
        try:
            return place.usable(self.names)
        except UncheckableError as error:
            if "not finite" in str(error):
                raise
            return [point for point in place.points if not point.is_integer]

    def compare(self, place: Instance, traced: Traced | None, point: Point) -> Comparison | Float64Comparison:
        """Compare at one point, at the best level of evidence that is possible there."""
        if traced is not None and not traced.reads_numbers:
            try:
                compared = compare_exactly(place, self.names, traced, point)
                if compared.verdict == "wrong" and (exactly := where_exact(compared, self.names, traced)) is not None:
                    compared = exactly[0]
                    self.remark(exactly[1])
                if compared.constants:
                    self.remark("; ".join(compared.constants))
                excused = within_sampling(self.names, traced, compared) if compared.verdict == "wrong" else None
                if excused is not None:
                    self.remark(REMARK)
                return excused or compared
            except UncheckableError as error:
                self.remark(f"compared in float64: {error}")
        elif traced is not None:
            self.remark(f"compared in float64: {self.label} computes with numbers that it read by .item()")
        rough = compare_float64(place, self.names, self.function, point, self.label)
        if rough is None:
            raise UncheckableError("the loss or its derivative is not finite")
        return rough

    def is_right(self, place: Instance, point: Point) -> bool:
        """Whether the gradient equals the derivative at a point: in float64 first, as that is cheap, then in balls."""
        traced = self.traced(place)
        try:
            rough = compare_float64(place, self.names, self.function, point, self.label, by_torch=True)
            if rough is None or rough.verdict == "wrong" or traced is None or not place.is_finite_at(self.names, point):
                return False
            return compare_exactly(place, self.names, traced, point).verdict != "wrong"
        except UncheckableError:
            return False

    def remark(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def is_usable(self, place: Instance, point: Point) -> bool:
        """Whether the loss and its derivative are known to be finite at a point."""
        try:
            return place.is_finite_at(self.names, point)
        except UncheckableError:
            return False
