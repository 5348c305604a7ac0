"""Check one form at every instance, and collect what its verdict is made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch

from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.verification.constraints.decisions import right_where
from gradiometer.verification.coverage.branches import Branches
from gradiometer.verification.coverage.dimensions import dims_text
from gradiometer.verification.diagnosis.diagnose import diagnose
from gradiometer.verification.differences import first_complex
from gradiometer.verification.equality import Comparison, chance_log2, compare
from gradiometer.verification.float64.compare import Float64Comparison, compare_float64
from gradiometer.verification.float64.returned_values import expected_at, wrong_calls, wrong_dtypes
from gradiometer.verification.float64.rounding_bounds import OtherShapeError
from gradiometer.verification.form_comparisons import FormComparisons
from gradiometer.verification.functions import (
    UncheckableError,
    call_on_copies,
    call_twice,
    gradient_mismatch,
)
from gradiometer.verification.instance import Instance
from gradiometer.verification.sample_points import Point, varied_points
from gradiometer.verification.traced import Traced
from gradiometer.verification.verdict import TORCH

MOST_FURTHER = 12
"""Most points that are added for sides of branches."""


class WrongGradientError(Exception):
    """Internal: the gradient is wrong before, or besides, its comparison with the exact derivative."""


class FormCheck(FormComparisons):
    """The check of one form, or of torch's own derivative.

    After `run`: `verdict` and the other facts of FormComparisons, `diagnosis` as in Verdict, and `mistake`, the kind of
    a Diagnosis. `run` raises WrongGradientError, and UncheckableError where the form raises.
    """

    diagnosis: str | None = None
    mistake: str | None = None

    def run(self) -> None:
        """Check at the thorough instances, then calls, branches, dtypes and further instances, until it is wrong."""
        steps = [self._thorough, self._branches, self._dtypes, self._extra]
        for step in steps[: 1 if self.form == TORCH else None]:
            step()
            if self.verdict == "wrong":
                self.diagnosis = self._diagnosed()
                return
            if self.is_coarse:
                return

    def _thorough(self) -> None:
        for place in self.places.thorough:
            self._fits(place)
            traced = self.traced(place)
            points = self.points_at(place)
            here = [self.compare(place, traced, point) for point in points]
            self.comparisons += here
            if traced is not None and not any(isinstance(one, Float64Comparison) for one in here):
                self._chances.append(
                    chance_log2(place, self.names, traced, [c for c in here if isinstance(c, Comparison)])
                )
            else:
                self._chances.append(None)
            if all(one.verdict != "wrong" for one in here) and not self.is_coarse:
                self._calls(place, traced, points)

    def _fits(self, place: Instance) -> None:
        """Call the form and check that its result fits. Raises UncheckableError and WrongGradientError."""
        point = place.points[0]
        try:
            returned = call_twice(self.function, point.tensors, place.names, self.label)
        except UncheckableError as error:
            if "another result" in str(error):
                raise WrongGradientError(str(error)) from error
            raise
        why = gradient_mismatch(returned, tuple(point.inputs[name] for name in self.names))
        if why is not None:
            raise WrongGradientError(why)

    def _calls(self, place: Instance, traced: Traced | None, points: Sequence[Point]) -> None:
        """Check the values of real calls. Raises WrongGradientError."""
        chosen = [point for point in points if not point.is_integer][:3] or list(points[:2])
        try:
            expected = [expected_at(place, self.names, traced, self.function, point) for point in chosen]
        except OtherShapeError as error:
            raise WrongGradientError(str(error)) from error
        except (TraceError, UnknownOperationError, UncheckableError):
            return  # without an exact derivative, the comparison itself used returned values
        why = wrong_calls(self.function, expected, place.names, self.label)
        if why is not None:
            raise WrongGradientError(why)

    def _branches(self) -> None:
        """Compare at further points until every side of every branch is visited, or no candidate is left."""
        place = self.places.thorough[0]
        traced = self.traced(place)
        if traced is None or traced.reads_numbers:
            self._branches_in_float64(place)
            return
        try:
            loss = place.traced_loss
            usable = place.usable(self.names)
        except (TraceError, UncheckableError):
            return
        base = [*usable]
        if traced.branches_on_data or loss.branches_on_data:
            self._data_branches(place, traced, base)
            return
        branches = Branches([loss.first.graph, traced.first.graph], place.names)
        for point in usable:
            branches.visit(point)
        added = 0
        for point in varied_points(place.problem, place.dims, base, place.seed) if branches.is_open() else ():
            if added >= MOST_FURTHER or not branches.is_open():
                break
            if branches.adds(point) and self.is_usable(place, point):
                branches.visit(point)
                self.comparisons.append(self.compare(place, traced, point))
                added += 1
        remark = branches.remark()
        if remark is not None:
            self.remark(remark)

    def _branches_in_float64(self, place: Instance) -> None:
        """The same for functions that cannot be traced: at every variation at which they return finite numbers."""
        base = [point for point in place.points if not point.is_integer][:1]
        for point in islice(varied_points(place.problem, place.dims, base, place.seed), 2 * MOST_FURTHER):
            try:
                returned = call_on_copies(self.function, point.tensors, place.names, self.label)
                if all(torch.isfinite(part).all() for part in returned):
                    found = compare_float64(place, self.names, self.function, point, self.label)
                    self.comparisons += [] if found is None else [found]
            except UncheckableError:
                continue
            if self.verdict == "wrong":
                return

    def _data_branches(self, place: Instance, traced: Traced, base: list[Point]) -> None:
        """The same for functions that branch on the data: points at which their graphs differ."""
        codes = {self._code(place, traced, point) for point in base}
        tried = 0
        for point in varied_points(place.problem, place.dims, base[:1], place.seed):
            tried += 1
            if tried > MOST_FURTHER:
                break
            try:
                code = self._code(place, traced, point)
            except (TraceError, UnknownOperationError):
                continue
            if code not in codes and self.is_usable(place, point):
                codes.add(code)
                self.comparisons.append(self.compare(place, traced, point))
        self.remark(f"branches on the data; {len(codes)} {'way was' if len(codes) == 1 else 'ways were'} seen")

    def _code(self, place: Instance, traced: Traced, point: Point) -> str:
        return place.traced_loss.at(point).graph.code + traced.at(point).graph.code

    def _dtypes(self) -> None:
        place = self.places.thorough[0]
        try:
            points = [point for point in place.usable(self.names) if not point.is_integer]
            if points:
                traced = self.traced(place)
                why, remark = wrong_dtypes(place, self.names, traced, self.function, points[-1])
                if why is not None:
                    raise WrongGradientError(why)
                if remark is not None:
                    self.remark(remark)
        except UncheckableError:
            return

    def _extra(self) -> None:
        """Compare at further dimensions, in balls where that is cheap, otherwise in float64."""
        raising: dict[str, list[str]] = {}
        for place in self.places.extra:
            try:
                self._at_extra(place)
            except UncheckableError as error:
                raising.setdefault(str(error), []).append(dims_text(place.dims))
            if self.verdict == "wrong":
                return
        self.remarks += [f"at {', '.join(where)}: {why}" for why, where in raising.items()]
        coarse = [dims_text(place.dims) for place in self._coarse]
        if coarse:
            self.remark(f"in float64 only at {'; '.join(coarse)}")

    def _at_extra(self, place: Instance) -> None:
        point = place.points[0]
        returned = call_on_copies(self.function, point.tensors, place.names, self.label)
        why = gradient_mismatch(returned, tuple(point.inputs[name] for name in self.names))
        if why is not None:
            raise WrongGradientError(f"at {dims_text(place.dims)}: {why}")
        if self.places.is_cheap(place):
            try:
                usable = place.usable(self.names)
            except UncheckableError:
                return  # neither the loss nor its derivative is finite there
            traced = self.traced(place)
            if traced is not None:
                here = [self.compare(place, traced, one) for one in usable]
                self.comparisons += here
                exact = [one for one in here if isinstance(one, Comparison)]
                self._chances.append(chance_log2(place, self.names, traced, exact) if len(exact) == len(here) else None)
                if all(one.verdict != "wrong" for one in here):
                    self._calls(place, traced, usable[:1])
                return
        for point in [one for one in place.points if not one.is_integer][1::-1]:
            found = compare_float64(place, self.names, self.function, point, self.label, by_torch=True)
            if found is not None:
                self._coarse.append(place)
                self.comparisons.append(found)
                return

    def _diagnosed(self) -> str:
        """The mistake, where it was found first. Float64 comparisons name the first wrong entry."""
        wrong = [one for one in self.comparisons if one.verdict == "wrong"]
        where = self._where(wrong)
        evidence = [one for one in wrong if isinstance(one, Comparison)]
        if not evidence:
            (first, *_) = [one for one in wrong if isinstance(one, Float64Comparison)]
            return f"{where}{first.why}"
        firsts = {id(one.instance): one for one in reversed(evidence)}
        for one in evidence:
            for wrt, part, truth in zip(self.names, one.found, one.exact, strict=True):
                complex_entry = first_complex(wrt, part, truth)
                if complex_entry is not None:  # the rules of diagnosis know real numbers only
                    return f"{where}{complex_entry}"
        under = right_where(list(firsts.values())[::-1], self.names, self.is_right)
        explained = f"right {under}; otherwise " if under else ""
        found = diagnose(self.names, self.function, [*evidence, *self._third(where)])
        self.mistake = found.kind
        return f"{where}{explained}{found.text}"

    def _where(self, wrong: Sequence[Comparison | Float64Comparison]) -> str:
        """The dimensions or data at which alone the gradient is wrong, as the beginning of a message."""
        if len(wrong) == len(self.comparisons):
            return ""
        places = {id(one.instance) for one in wrong}
        if all(one.verdict == "wrong" for one in self.comparisons if id(one.instance) in places):
            return f"at {dims_text(wrong[0].instance.dims)}: "
        data = dict.fromkeys(one.point.data for one in wrong)
        return f"at {' and '.join(list(data)[:2])} data: "

    def _third(self, where: str) -> list[Comparison]:
        """One comparison at a third tuple of primes, which separates a dimension from a constant; empty without one."""
        found = []
        for place in self.places.third if not where else []:
            try:
                point = place.usable(self.names)[0]
                found.append(compare(place, self.names, Traced(self.function, point.tensors, self.label), point))
            except (UncheckableError, TraceError):
                continue
        return found
