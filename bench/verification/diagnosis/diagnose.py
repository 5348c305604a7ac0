"""Identify the mistake in a wrong gradient: hypotheses on common mistakes, tried one after another.

A hypothesis is stated only where it holds at every wrong comparison. Values are compared in float64; agreement in eight
digits at all entries is taken as proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradiometer.errors import GradiometerError
from gradiometer.verification.diagnosis.by_derivative import stop_gradient_ignored, treated_as_constant
from gradiometer.verification.diagnosis.by_values import (
    moved,
    not_finite,
    not_zero,
    scaled,
    some_entries,
    swapped,
    transposed,
    zero,
)
from gradiometer.verification.diagnosis.evidence import Diagnosis, Evidence, Part, is_same
from gradiometer.verification.diagnosis.missing_terms import (
    altered_term,
    chain_factor,
    proportional_term,
    symmetric_only,
)
from gradiometer.verification.equality import Comparison

MOST_POINTS = 6
"""Most comparisons at which a hypothesis is tested."""

VALUES: Mapping[str, Callable[[Evidence], str | None]] = {
    "not finite": not_finite,
    "zero": zero,
    "not zero": not_zero,
    "swapped": swapped,
    "stop-gradient": stop_gradient_ignored,
    "factor": scaled,
    "transposed": transposed,
    "moved": moved,
}
"""Hypotheses that say everything about the mistake; the first match wins."""

CAUSES: Mapping[str, Callable[[Evidence], str | None]] = {
    "symmetric": symmetric_only,
    "term": proportional_term,
    "chain factor": chain_factor,
    "sum": altered_term,
    "constant": treated_as_constant,
}
"""Hypotheses on the derivation. The wrong entries are named beside them where only some are wrong."""

PRECISE = ("not finite", "zero", "not zero", "factor", "term")
"""Hypotheses on the difference. The others compare values, and leave out the points where these nearly agree."""


def _side_by_side(part: Part) -> str:
    """The entry with the largest difference: its position, what was found and what was expected."""
    sizes = np.where(np.isfinite(part.gap), np.abs(part.gap), np.inf)
    place = np.unravel_index(int(np.argmax(np.where(part.wrong, sizes, -1.0))), part.gap.shape)
    at = [int(i) for i in place]
    found, truth = float(part.found[place]), float(part.truth[place])
    where = f"{part.name}{at}" if at else part.name
    text = f"{where} is {_number(found)}, should be {_number(truth)}"
    is_close = _number(found) == _number(truth)
    return f"{text} (off by {float(part.gap[place]):.3g})" if is_close else text


def _number(value: float) -> str:
    return "0" if abs(value) < 1e-300 else f"{value:.6g}"


def _tried(table: Mapping[str, Callable[[Evidence], str | None]], evidence: Evidence) -> Diagnosis | None:
    pairs = zip(evidence.comparisons, evidence.parts, strict=True)
    clear = [one for one, part in pairs if not is_same(part.found, part.truth)]
    coarse = replace(evidence, comparisons=tuple(clear))
    for kind, hypothesis in table.items():
        if kind not in PRECISE and not clear:
            continue
        try:
            text = hypothesis(evidence if kind in PRECISE else coarse)
        except (GradiometerError, RuntimeError, TypeError, ValueError):  # a changed graph may not run
            continue
        if text is not None:
            return Diagnosis(kind, text)
    return None


def _of_part(evidence: Evidence) -> Diagnosis:
    found = _tried(VALUES, evidence)
    if found is not None:
        return found
    entries, cause = some_entries(evidence), _tried(CAUSES, evidence)
    if cause is not None:
        return Diagnosis(cause.kind, "; ".join(one for one in (cause.text, entries) if one))
    if entries is not None:
        return Diagnosis("entries", entries)
    part = evidence.parts[0]
    known = part.truth != 0
    with np.errstate(all="ignore"):
        errors = np.abs(part.gap[known] / part.truth[known])
    count = part.gap.size
    text = f"all {count} entries are wrong" if count > 1 else "the only entry is wrong"
    largest = float(np.max(errors, initial=0.0))
    return Diagnosis("unknown", f"{text} (largest relative error {largest:.2g})" if 0 < largest < math.inf else text)


def diagnose(names: Sequence[str], function: Callable[..., Any], evidence: Sequence[Comparison]) -> Diagnosis:
    """The mistake in one line, with the entry that is off most; the parts of a joint gradient one after another.

    `evidence` holds wrong comparisons. The kind is that of the first wrong part.
    """
    wrt, lines, kinds = tuple(names), [], []
    for i, name in enumerate(wrt):
        every = Evidence(wrt, i, function, tuple(evidence))
        seen = [one for one, part in zip(evidence, every.parts, strict=True) if part.wrong.any()]
        if not seen:
            continue
        here = Evidence(wrt, i, function, tuple(_chosen(seen)))
        found = _of_part(here)
        label = f"{name}: " if len(wrt) > 1 else ""
        lines.append(f"{label}{found.text}; {_side_by_side(here.parts[0])}")
        kinds.append(found.kind)
    if not lines:
        return Diagnosis("unknown", f"differs at {evidence[0].point.data} points")
    return Diagnosis(kinds[0], "; ".join(lines))


def _chosen(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """At most MOST_POINTS comparisons: the first of every instance, then others. The first comparison stays first."""
    firsts: dict[int, Comparison] = {}
    for one in comparisons:
        firsts.setdefault(id(one.instance), one)
    others = [one for one in comparisons if one is not firsts[id(one.instance)]]
    return [*firsts.values(), *others][:MOST_POINTS]
