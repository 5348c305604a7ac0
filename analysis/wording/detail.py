"""Sentences for the details of a run: jacobian, causes, growth and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import Insight
from gradiometer.analysis.wording.merge import Statement, by, factor, listed_sizes, merged, range_of, span
from gradiometer.storage.schema import BASELINE


def jacobian(them: Sequence[Insight], wrts: int) -> Iterator[Statement]:
    """How much longer functional.jacobian takes than the fastest form, at the smallest and the largest size."""
    times: dict[int, list[float]] = {}
    for it in them:
        for size, value in zip(it.numbers["sizes"], it.numbers["times"], strict=True):
            times.setdefault(size, []).append(value)
    ends = dict.fromkeys((min(times), max(times)))
    parts = text.listed(f"{span(times[size])}× (n = {size})" for size in ends)
    yield Statement("functional.jacobian", f"takes {parts} as long as the fastest form.")


def cause(them: Sequence[Insight], wrts: int) -> Iterator[Statement]:
    """One sentence for a method, a cause and the same sizes; the figures are those of the first wrt."""

    def key(it: Insight) -> tuple[Any, ...]:
        return it.numbers["method"], it.kind, tuple(it.numbers["sizes"]), it.numbers["ratios"][0] > 1

    for (method, kind, sizes, is_slow), alike in by(them, key).items():
        some = "" if len(alike) == wrts else f" ({text.listed(it.where.wrt for it in alike if it.where)})"
        ratios = [ratio if is_slow else 1 / ratio for it in alike for ratio in it.numbers["ratios"]]
        claim = f"{method} is {span(ratios)}× {'slower' if is_slow else 'faster'} at {listed_sizes(sizes)}{some}"
        yield Statement("Cause", f"{claim}{_FIGURES[kind](alike[0].numbers['row'], is_slow)}.")


def _dispatch(row: Mapping[str, Any], is_slow: bool) -> str:
    own, other = text.seconds(row["overhead_s"], digits=2), text.seconds(row["overhead_s_autograd"], digits=2)
    return f" because dispatch costs {own} instead of {other} per call"


def _work(row: Mapping[str, Any], is_slow: bool) -> str:
    more = row["flops"] / row["flops_autograd"] if is_slow else row["flops_autograd"] / row["flops"]
    rate = (row["flops"] / row["time_s"]) / (row["flops_autograd"] / row["time_s_autograd"])
    at = f" (n = {row['size']})"
    words = f": it performs {factor(more)}× {'more' if is_slow else 'fewer'} flops{at}"
    if is_slow and rate > 1.2:
        memory = f"; {BASELINE} is memory-bound" if row["limited_by_autograd"] == "bytes" else ""
        return f"{words}, at a {factor(rate)}× higher rate{memory}"
    return words


def _memory(row: Mapping[str, Any], is_slow: bool) -> str:
    own, other = text.size_bytes(row["bytes"]), text.size_bytes(row["bytes_autograd"])
    end = "" if is_slow else "_autograd"
    share = row[f"limit_s{end}"] / row[f"time_s{end}"]
    moves = f"it moves {own} instead of {other}" if own != other else f"it moves {own}"
    who = "" if is_slow else f" of {BASELINE}'s"
    return f" because {moves} (n = {row['size']}); memory bandwidth accounts for {share:.0%}{who} of the time"


_FIGURES = {"dispatch": _dispatch, "work": _work, "memory": _memory}


def not_explained(them: Sequence[Insight], wrts: int) -> Iterator[Statement]:
    """The methods whose ratio has no cause that the figures show."""
    for is_counted, alike in by(them, lambda it: bool(it.numbers["flops_counted"])).items():
        sizes: dict[str, list[int]] = {}
        for it in alike:
            for method, own in it.numbers["methods"].items():
                sizes[method] = sorted({*sizes.get(method, []), *own})
        which = text.listed(f"{method} at {listed_sizes(own)}" for method, own in sizes.items())
        why = "" if is_counted else " (flops were not counted)"
        yield Statement("Not explained", f"ratio above 5 or below 1/5{why}: {which}.")


def growth(them: Sequence[Insight], wrts: int) -> Iterator[Statement]:
    """The exponents of time in size, over the wrts of a problem."""
    for (start, stop), alike in by(them, lambda it: (it.numbers["size_from"], it.numbers["size_to"])).items():
        exponents: dict[str, list[float]] = {}
        for it in alike:
            for row in it.numbers["methods"]:
                exponents.setdefault(row["method"], []).append(row["exponent"])
        parts = []
        for method, values in exponents.items():
            ends = "–".join(dict.fromkeys(f"{round(value, 1) + 0.0:.1f}" for value in (min(values), max(values))))
            parts.append(f"{ends} ({method})")
        yield Statement("Growth", f"{range_of(start, stop)} the time grows as n to the power {text.listed(parts)}.")


def errors(them: Sequence[Insight], wrts: int) -> Iterator[Statement]:
    """The relative errors at the largest size, in unit roundoffs where the dtype has one."""
    for (size, dtype), alike in by(them, lambda it: (it.numbers["size"], it.where.dtype if it.where else None)).items():
        found: dict[str, list[Mapping[str, Any]]] = {}
        for it in alike:
            for row in it.numbers["methods"]:
                found.setdefault(row["method"], []).append(row)
        parts = {method: _error(rows) for method, rows in found.items()}
        listed = text.listed(f"{method} {error}" for method, error in parts.items())
        yield Statement("Relative error", f"{dtype}, n = {size}: {listed}.")


def _error(rows: Sequence[Mapping[str, Any]]) -> str:
    if any(row["units"] is None for row in rows):
        return merged({str(place): text.scientific(row["rel_fro"]) for place, row in enumerate(rows)})
    return f"{span(row['units'] for row in rows)} u"
