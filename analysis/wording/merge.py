"""What sentences have in common: statements, spans of numbers, and merging over wrts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import INFO, Insight
from gradiometer.storage.schema import BASELINE

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class Table:
    """A small table of texts below a statement."""

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Statement:
    """`topic: text`, with a `table` where that is easier to read, and the level of the insight."""

    topic: str
    text: str
    level: str = INFO
    table: Table | None = None


def by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items by key, in order of appearance."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def factor(value: float) -> str:
    """A ratio with two significant digits below 10 and three above."""
    return text.number(value, 2 if value < 9.95 else 3)


def span(values: Iterable[float], digits: int | None = None) -> str:
    """`4.0–4.8`: the smallest and the largest value."""
    found = list(values)
    shown = [factor(value) if digits is None else text.number(value, digits) for value in (min(found), max(found))]
    return "–".join(dict.fromkeys(shown))


def merged(parts: Mapping[str, str]) -> str:
    """`4.2 (W1) and 4.7 (W2 and W1+W2)`: each text once, with the names it holds for unless it holds for all."""
    alike = by(parts, parts.__getitem__)
    if len(alike) < 2:
        return "".join(alike)
    return text.listed(f"{part} ({text.listed(own)})" for part, own in alike.items())


def names(some: Sequence[Insight], of: Sequence[Insight]) -> str:
    """The forms of `some`, each with its wrts where they are not all that `of` has of this form."""
    shown = []
    for form, own in by(some, lambda it: it.numbers["form"]).items():
        total = sum(it.numbers.get("form") == form for it in of)
        wrts = f" ({text.listed(it.where.wrt for it in own if it.where)})" if len(own) < total else ""
        shown.append(f"{text.short(form, 40)}{wrts}")
    return text.listed(shown)


VERDICTS = {
    "same": f"as fast as {BASELINE}",
    "undecided": f"no significant difference from {BASELINE}",
    None: f"{BASELINE} was not timed",
}


def times_faster(speedups: Mapping[str, tuple[float, str | None]]) -> str:
    """`4.0–4.8× faster than autograd`, from the speed-up and the decision of each wrt."""
    shown = {}
    for decision, wrts in by(speedups, lambda wrt: speedups[wrt][1]).items():
        values = [speedups[wrt][0] for wrt in wrts]
        if decision == "faster":
            words = f"{span(values)}× faster than {BASELINE}"
        elif decision == "slower":
            words = f"{span(1 / value for value in values)}× slower than {BASELINE}"
        else:
            words = VERDICTS[decision]
        shown[words] = "" if len(wrts) == len(speedups) else f" ({text.listed(wrts)})"
    return text.listed(f"{words}{wrts}" for words, wrts in shown.items())


def joined(gains: Sequence[str]) -> str:
    """`5.5× faster than autograd at n = 8, 2.1× at n = 512`: the comparison is named once."""
    first, *rest = gains
    compared = f"faster than {BASELINE}"
    short = [gain.replace(f" {compared}", "") if compared in first else gain for gain in rest]
    return ", ".join([first, *short])


def range_of(start: Any, stop: Any) -> str:
    """`at n = 8`, or `from n = 8 to 32`."""
    return f"at n = {start}" if start == stop else f"from n = {start} to {stop}"


def listed_sizes(sizes: Sequence[int]) -> str:
    """`n = 8`, `n = 8 and 32`, or `n = 8 to 128` for more than two."""
    return f"n = {text.listed(map(str, sizes))}" if len(sizes) < 3 else f"n = {sizes[0]} to {sizes[-1]}"


def at_sizes(it: Insight) -> str:
    """`from n = 128` where every larger size is among the sizes, otherwise all of them."""
    sizes = it.numbers["sizes"]
    return f"from n = {sizes[0]}" if it.numbers["to_largest"] else f"at n = {text.listed(map(str, sizes))}"
