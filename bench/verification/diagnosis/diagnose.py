"""Identify the mistake in a wrong gradient: rules for common mistakes, tried one after another.

The rules compare exact values rounded to float64; agreement in nine digits is taken as proof of a mistake's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradiometer.verification.diagnosis.missing_terms import altered_term, proportional_term, symmetric_only
from gradiometer.verification.diagnosis.scale_factors import is_close, name_factor
from gradiometer.verification.differences import Array, Balls
from gradiometer.verification.equality import Comparison


@dataclass(frozen=True)
class Part:
    """The gradient of one input at one tuple of dimensions, rounded to float64.

    `gap` is found − truth, computed before rounding; `wrong` marks the entries that differ.
    """

    name: str
    dims: dict[str, int]
    found: Array
    truth: Array
    gap: Array
    wrong: np.ndarray[Any, np.dtype[np.bool_]]


def _floats(balls: Balls) -> Array:
    return np.array([float(ball.mid()) for ball in balls.ravel()]).reshape(balls.shape)


def _wrong(gaps: Balls, scale: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The entries that differ by more than a rounded constant explains; if there are none, all that differ."""
    found = [not (gap.is_finite() and gap.contains(0)) for gap in gaps.ravel()]
    differs = np.array(found, dtype=bool).reshape(gaps.shape)
    clearly = np.asarray(differs & ~(np.abs(_floats(gaps)) <= 2.0**-48 * scale))
    return clearly if clearly.any() else differs


def parts_of(comparison: Comparison, names: Sequence[str]) -> list[Part]:
    """One Part for each input of a comparison."""
    columns = zip(names, comparison.found, comparison.exact, comparison.gaps, comparison.scale, strict=True)
    return [
        Part(name, comparison.instance.dims, _floats(found), _floats(truth), _floats(gap), _wrong(gap, scale))
        for name, found, truth, gap, scale in columns
    ]


def common_factor(found: Array, truth: Array, gap: Array) -> float | None:
    """The factor c with found = c · truth at every entry; None where there is none or c = 1."""
    there = truth != 0
    if not there.any() or np.any(found[~there]):
        return None
    distances = gap[there] / truth[there]
    largest = distances.ravel()[np.argmax(np.abs(truth[there]))]
    return float(1 + largest) if largest and (np.abs(distances - largest) <= 1e-6 * abs(largest)).all() else None


def not_finite(parts: Sequence[Part]) -> str | None:
    """Entries that are NaN or infinite."""
    count = int((~np.isfinite(parts[0].found)).sum())
    return f"{count} of {parts[0].found.size} entries are NaN or infinite" if count else None


def zero(parts: Sequence[Part]) -> str | None:
    """All entries are zero and should not be."""
    return "zero everywhere" if all(not part.found.any() and part.truth.any() for part in parts) else None


def not_zero(parts: Sequence[Part]) -> str | None:
    """The derivative is zero everywhere, the gradient is not."""
    return "should be zero everywhere" if not any(part.truth.any() for part in parts) else None


def scaled(parts: Sequence[Part]) -> str | None:
    """All entries are off by one factor."""
    factors = [common_factor(part.found, part.truth, part.gap) for part in parts]
    known = [factor for factor in factors if factor is not None]
    if len(known) < len(factors):
        return None
    written, words = name_factor(known, [part.dims for part in parts])
    return f"{words}: " * bool(words) + f"every entry is {written} times what it should be"


def transposed(parts: Sequence[Part]) -> str | None:
    """The gradient is the transpose of the derivative, or a multiple of it."""
    factors = []
    for part in parts:
        if part.found.ndim != 2 or part.found.shape[0] != part.found.shape[1]:
            return None
        turned = part.truth.T
        factor = common_factor(part.found, turned, part.found - turned)
        if not factor and not np.allclose(part.found, turned, rtol=1e-9, atol=0):
            return None
        factors.append(factor or 1.0)
    if all(is_close(factor, 1.0) for factor in factors):
        return "transposed"
    written, words = name_factor(factors, [part.dims for part in parts])
    return f"transposed, and {words or 'scaled'}: every entry is {written} times that of the transpose"


def some_entries(parts: Sequence[Part]) -> str | None:
    """Some entries are wrong: how many, which, and by which common factor."""
    part = parts[0]
    count = int(part.wrong.sum())
    if count == part.wrong.size or not count:
        return None
    words = f"{count} of {part.wrong.size} entries {'is' if count == 1 else 'are'} wrong{_pattern(part.wrong)}"
    factors = [common_factor(one.found[one.wrong], one.truth[one.wrong], one.gap[one.wrong]) for one in parts]
    known = [factor for factor in factors if factor is not None]
    if len(known) == len(parts):
        written, name = name_factor(known, [one.dims for one in parts])
        words += f"; {name}: " if name else "; "
        words += f"{written} times what {'it' if count == 1 else 'they'} should be"
    return words


def _pattern(wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    if wrong.ndim != 2:
        return ""
    rows, columns = (np.unique(places).tolist() for places in np.nonzero(wrong))
    height, width = wrong.shape
    if height == width and (wrong == np.eye(height, dtype=bool)).all():
        return ": the diagonal"
    if height == width and (wrong == ~np.eye(height, dtype=bool)).all():
        return ": all but the diagonal"
    if wrong.sum() == len(rows) * width and len(rows) <= 3:
        return f": row {', '.join(map(str, rows))}"
    if wrong.sum() == len(columns) * height and len(columns) <= 3:
        return f": column {', '.join(map(str, columns))}"
    return ""


RULES: Sequence[Callable[[Sequence[Part]], str | None]] = (not_finite, zero, not_zero, scaled, transposed)
"""Rules that identify a mistake from the values of one gradient component; the first match wins."""


def _side_by_side(part: Part) -> str:
    place = next(at for at in np.ndindex(part.wrong.shape) if part.wrong[at])
    at = list(place)
    found, truth = float(part.found[place]), float(part.truth[place])
    digits = 17 if abs(found - truth) <= 1e-4 * abs(truth) else 6
    where = f"{part.name}{at}" if at else part.name
    close = "" if digits == 6 else f" (off by {float(part.gap[place]):.3g})"
    return f"{where} is {found:.{digits}g}, should be {truth:.{digits}g}{close}"


def diagnose(names: Sequence[str], function: Callable[..., Any], evidence: Sequence[Comparison]) -> str:
    """The mistake in one line, with the first wrong entry and its true value; parts of a joint gradient apart.

    `evidence` holds one comparison for each tuple of dimensions; the first is a wrong one.
    """
    first = evidence[0]
    places = [parts_of(comparison, names) for comparison in evidence]
    lines = []
    for i, part in enumerate(places[0]):
        if not part.wrong.any():
            continue
        where = [j for j, place in enumerate(places) if place[i].wrong.any()]
        seen = [places[j][i] for j in where]
        found = next((words for rule in RULES if (words := rule(seen)) is not None), None)
        if found is None:
            found = _by_terms(i, names, function, [evidence[j] for j in where], seen)
        label = f"{part.name}: " if len(names) > 1 else ""
        lines.append(f"{label}{found}; {_side_by_side(part)}")
    return "; ".join(lines) or f"differs at {first.point.data} points"


def _by_terms(
    i: int, names: Sequence[str], function: Callable[..., Any], evidence: Sequence[Comparison], seen: Sequence[Part]
) -> str:
    """A mistake in the terms of the exact derivative; otherwise which entries are wrong, and by how much."""
    first, entries = evidence[0], some_entries(seen)
    found = proportional_term(tuple(names), [part.gap for part in seen], evidence)
    found = found or altered_term(first, tuple(names), i, seen[0].found)
    found = found or symmetric_only(first, tuple(names), i, function)
    if found or entries:
        return "; ".join(one for one in (found, entries) if one)
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.abs(seen[0].gap) / np.abs(seen[0].truth))
    count = seen[0].gap.size
    entries = f"all {count} entries are wrong" if count > 1 else "the only entry is wrong"
    return f"{entries} (largest relative error {float(largest):.2g})"
