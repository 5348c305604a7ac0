"""Hypotheses that compare the values of a gradient with those of the derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradiometer.verification.diagnosis.evidence import Evidence, Part, floats, is_same
from gradiometer.verification.diagnosis.scale_factors import is_close, name_factor
from gradiometer.verification.differences import Array


def common_factor(found: Array, truth: Array, gap: Array) -> float | None:
    """The factor c with found = c · truth at every entry; None where there is none or c = 1."""
    there = truth != 0
    if not there.any() or np.any(found[~there]):
        return None
    with np.errstate(all="ignore"):
        distances = gap[there] / truth[there]
    largest = distances.ravel()[np.argmax(np.abs(truth[there]))]
    if not np.isfinite(distances).all() or not largest:
        return None
    return float(1 + largest) if (np.abs(distances - largest) <= 1e-6 * abs(largest)).all() else None


def not_finite(evidence: Evidence) -> str | None:
    """Entries that are NaN or infinite."""
    part = evidence.parts[0]
    count = int((~np.isfinite(part.found)).sum())
    return f"{count} of {part.found.size} entries are NaN or infinite" if count else None


def zero(evidence: Evidence) -> str | None:
    """All entries are zero and should not be."""
    parts = evidence.parts
    return "zero everywhere" if all(not part.found.any() and part.truth.any() for part in parts) else None


def not_zero(evidence: Evidence) -> str | None:
    """The derivative is zero everywhere, the gradient is not."""
    return "should be zero everywhere" if not any(part.truth.any() for part in evidence.parts) else None


def swapped(evidence: Evidence) -> str | None:
    """The gradient of another input of a joint gradient."""
    for j, name in enumerate(evidence.wrt):
        if j != evidence.i and all(
            is_same(part.found, floats(comparison.exact[j]))
            for part, comparison in zip(evidence.parts, evidence.comparisons, strict=True)
        ):
            return f"it is the gradient of {name}, as if outputs were swapped"
    return None


def _written(factors: Sequence[float], parts: Sequence[Part]) -> tuple[str, str | None]:
    return name_factor(factors, [part.dims for part in parts])


def scaled(evidence: Evidence) -> str | None:
    """All entries are off by one factor."""
    parts = evidence.parts
    factors = [common_factor(part.found, part.truth, part.gap) for part in parts]
    known = [factor for factor in factors if factor is not None]
    if len(known) < len(factors):
        return None
    if any(factor == 1 for factor in known):  # the factor differs from 1 by less than float64 resolves
        with np.errstate(all="ignore"):
            distances = [float(np.nanmax(np.abs(part.gap / part.truth))) for part in parts]
        return f"every entry is off by the same relative error, {max(distances):.3g}"
    written, words = _written(known, parts)
    if words is None and sum(part.found.size for part in parts) < 2:  # one entry fits any factor
        return None
    if words is None and not all(is_close(one, known[0]) for one in known):
        return None  # a factor that varies from point to point
    return f"{words}: " * bool(words) + f"every entry is {written} times what it should be"


def transposed(evidence: Evidence) -> str | None:
    """The gradient is the transpose of the derivative, or a multiple of it."""
    factors = []
    parts = [part for part in evidence.parts if part.found.size > 1]
    for part in parts:
        if part.found.ndim != 2 or part.found.shape[0] != part.found.shape[1]:
            return None
        turned = part.truth.T
        factor = common_factor(part.found, turned, part.found - turned)
        if not factor and not is_same(part.found, turned):
            return None
        factors.append(factor if factor and not is_close(factor, 1.0) else 1.0)
    if not factors:
        return None
    if all(is_close(factor, 1.0) for factor in factors):
        return "transposed"
    written, words = _written(factors, parts)
    return f"transposed, and {words or 'scaled'}: every entry is {written} times that of the transpose"


MOVES: dict[str, Callable[[Array, int], Array]] = {
    "flipped": np.flip,
    "shifted by one to the front": lambda x, dim: np.roll(x, -1, dim),
    "shifted by one to the back": lambda x, dim: np.roll(x, 1, dim),
}


def moved(evidence: Evidence) -> str | None:
    """The entries are those of the derivative, moved along a dimension; an entry that enters a shift may be any."""
    parts = [part for part in evidence.parts if min(part.found.shape, default=0) > 2]
    if not parts:
        return None
    for words, move in MOVES.items():
        inner = slice(1, -1) if "shifted" in words else slice(None)
        for dim in range(parts[0].found.ndim):
            at = (slice(None),) * dim + (inner,)
            if all(is_same(part.found[at], move(part.truth, dim)[at]) for part in parts):
                return f"the entries are {words}" + f" along dimension {dim}" * (parts[0].found.ndim > 1)
    return None


def some_entries(evidence: Evidence) -> str | None:
    """Some entries are wrong: how many, which, and by which common factor."""
    parts = evidence.parts
    part = parts[0]
    count = int(part.wrong.sum())
    if count == part.wrong.size or not count:
        return None
    words = f"{count} of {part.wrong.size} entries {'is' if count == 1 else 'are'} wrong{pattern(part.wrong)}"
    seen = [one for one in parts if one.wrong.any()]
    if all(not one.found[one.wrong].any() and one.truth[one.wrong].all() for one in seen):
        return f"{words}; zero where {'it' if count == 1 else 'they'} should not be"
    factors = [common_factor(one.found[one.wrong], one.truth[one.wrong], one.gap[one.wrong]) for one in seen]
    known = [factor for factor in factors if factor is not None]
    if len(known) == len(seen) and sum(int(one.wrong.sum()) for one in seen) > 1:
        written, name = _written(known, seen)
        if name or all(is_close(one, known[0]) for one in known):
            words += f"; {name}: " if name else "; "
            words += f"{written} times what {'it' if count == 1 else 'they'} should be"
    return words


def pattern(wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    """Where the wrong entries are, as the end of a phrase; empty without a simple pattern."""
    if wrong.ndim == 1:
        places = np.flatnonzero(wrong).tolist()
        known = {(0,): "the first", (len(wrong) - 1,): "the last", (0, len(wrong) - 1): "the first and the last"}
        if tuple(places) in known:
            return f": {known[tuple(places)]}"
        if len(places) > 2 and places == list(range(places[0], len(wrong))):
            return f": all from entry {places[0]}"
        return ""
    if wrong.ndim != 2:
        return ""
    rows, columns = (np.unique(places).tolist() for places in np.nonzero(wrong))
    height, width = wrong.shape
    border = np.ones(wrong.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    shapes: dict[str, Any] = {"the border": border}
    if height == width:
        shapes |= {"the diagonal": np.eye(height, dtype=bool), "all but the diagonal": ~np.eye(height, dtype=bool)}
        shapes |= {
            "above the diagonal": np.triu(np.ones_like(border), 1),
            "below the diagonal": np.tril(np.ones_like(border), -1),
        }
    for words, shape in shapes.items():
        if (wrong == shape).all():
            return f": {words}"
    if wrong.sum() == len(rows) * width and len(rows) <= 3:
        return f": row {', '.join(map(str, rows))}"
    if wrong.sum() == len(columns) * height and len(columns) <= 3:
        return f": column {', '.join(map(str, columns))}"
    return ""
