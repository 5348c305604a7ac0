"""Sentences for the insights of one run. `merge.py` joins what several wrts have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import BAD, GOOD, INFO, WARNING, Insight, Where
from gradiometer.analysis.insights.launch_bound import LAUNCH_BOUND
from gradiometer.analysis.wording import detail
from gradiometer.analysis.wording.merge import (
    Statement,
    Table,
    at_sizes,
    by,
    factor,
    joined,
    names,
    range_of,
    span,
    times_faster,
)
from gradiometer.storage.schema import BASELINE

Insights = Sequence[Insight]


def _correctness(them: Insights) -> Iterator[Statement]:
    right, wrong, unchecked = ([it for it in them if it.kind == kind] for kind in ("right", "wrong", "not_checked"))
    if not (right or wrong or unchecked):
        yield Statement("Correctness", "not checked in this run.", WARNING)
        return
    digits = {int(it.numbers["digits"]) for it in right if it.numbers["digits"] == it.numbers["digits"]}
    levels = text.listed(dict.fromkeys(str(it.numbers["evidence"]) for it in right)) if right else ""
    how = f" ({levels}{f', at least {min(digits)} digits' if digits else ''})" if right else ""
    if wrong or unchecked:
        parts = [f"{len(right)} of {len(them)} gradients are right{how}"]
        parts += [f"{len(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong"] if wrong else []
        parts += [f"{len(unchecked)} not checked"] if unchecked else []
        yield Statement("Correctness", f"{', '.join(parts)}.", BAD if wrong else WARNING)
    else:
        yield Statement("Correctness", f"all {len(them)} gradients are right{how}.", GOOD)
    for reason, alike in by(wrong, _reason).items():
        yield Statement("Wrong, do not use", f"{names(alike, them)}: {reason}.", BAD)
    for reason, alike in by(unchecked, _reason).items():
        yield Statement("Not checked", f"{names(alike, them)}: {reason}.", WARNING)


def _reason(it: Insight) -> str:
    if it.numbers.get("measured_error") is not None:
        return f"relative error {text.scientific(it.numbers['measured_error'])}, which rounding does not explain"
    return text.short(it.numbers["reason"] or "no reason was recorded", 160).rstrip(".")


def _beyond_bound(them: Insights) -> Iterator[Statement]:
    for it in them:
        share = f"{factor(it.numbers['bound_share'])}× its proved bound at n = {it.numbers['size']}"
        where = f"{it.numbers['method']} ({it.where.wrt if it.where else ''}, {it.where.dtype if it.where else ''})"
        yield Statement("Bug", f"the error of {where} is {share}, which proves a bug.", BAD)


def _use(them: Insights) -> Iterator[Statement]:
    yield from _uses("Use", them)


def _use_new_data(them: Insights) -> Iterator[Statement]:
    yield from _uses("If the data change on every call, use", them)


def _uses(topic: str, them: Insights) -> Iterator[Statement]:
    """One statement for the wrts with the same forms at the same sizes."""

    def advice(it: Insight) -> tuple[Any, ...]:
        return tuple((r.size_from, r.size_to, r.forms, _is_beaten(r)) for r in it.numbers["ranges"])

    for alike in by(them, advice).values():
        wrts = _some(alike, len(them))
        parts = [_range([it.numbers["ranges"][place] for it in alike], alike) for place in range(len(advice(alike[0])))]
        unchecked = {form: None for it in alike for r in it.numbers["ranges"] for form in r.unchecked}
        note = f" Not checked: {text.listed(unchecked)}." if unchecked else ""
        yield Statement(f"{topic}{wrts}", f"{'; '.join(parts)}.{note}", WARNING if unchecked else INFO)


def _is_beaten(it: Any) -> bool:
    return set(it.decisions) == {"slower"}


def _range(ranges: Sequence[Any], alike: Insights) -> str:
    """`factored at every size: 5.5× faster than autograd at n = 8, 2.1× at n = 512`, over the wrts of `alike`."""
    it = ranges[0]
    several = len(alike[0].numbers["ranges"]) > 1
    sizes = range_of(it.size_from, it.size_to) if several or it.size_from == it.size_to else "at every size"
    forms = text.listed((text.short(form, 40) for form in it.forms), "or")
    wrts = [insight.where.wrt for insight in alike if insight.where]
    ends = [(it.size_from, 0)] if it.size_from == it.size_to else [(it.size_from, 0), (it.size_to, 1)]
    gains = []
    for size, end in ends:
        gain = times_faster({wrt: (r.speedups[end], r.decisions[end]) for wrt, r in zip(wrts, ranges, strict=True)})
        gains.append(gain if len(ends) == 1 else f"{gain} at n = {size}")
    who = f"{BASELINE} {sizes}: the fastest form, {forms}, is" if _is_beaten(it) else f"{forms} {sizes}:"
    return f"{who} {joined(gains)}"


def _no_form(them: Insights) -> Iterator[Statement]:
    wrts = text.listed(it.where.wrt for it in them if it.where)
    yield Statement("Use", f"{BASELINE} for {wrts}: no form is right, finite and timed.", WARNING)


def _break_even(them: Insights) -> Iterator[Statement]:
    def key(it: Insight) -> tuple[Any, ...]:
        return (*(it.numbers[name] for name in ("form", "other", "size")), _pays(it.numbers))

    count = len({it.where for it in them})
    for (form, other, size, pays), alike in by(them, key).items():
        calls = ""
        if pays == "pays off":
            ends = (
                f"95 %: {min(it.numbers['low'] for it in alike):.0f} to {max(it.numbers['high'] for it in alike):.0f}"
            )
            calls = f" after {span((it.numbers['calls'] for it in alike), 3)} calls on the same data ({ends})"
        claim = f"{form} {pays}{calls}, compared with {other} (n = {size}){_some(alike, count)}."
        yield Statement("Preparation", claim)


def _pays(numbers: Any) -> str:
    if numbers["calls"] == float("inf"):
        return "does not pay off"
    if numbers["high"] == float("inf"):
        return "may not pay off"
    return "pays off on the first call" if numbers["calls"] <= 1 else "pays off"


def _some(alike: Insights, count: int) -> str:
    """The wrts of `alike`, unless they are all `count` of them."""
    wrts = [it.where.wrt for it in alike if it.where]
    return "" if len(alike) == count else f" ({text.listed(wrts)})"


def _slowdown(them: Insights) -> Iterator[Statement]:
    for (form, size), alike in by(them, lambda it: (it.numbers["form"], it.numbers["size"])).items():
        wrts = _some(alike, len({it.where for it in them}))
        ratios = span(it.numbers["ratio"] for it in alike)
        topic = "Large slowdown" if any(it.numbers["is_excessive"] for it in alike) else "Slower"
        level = BAD if any(it.level == BAD for it in alike) else WARNING
        yield Statement(topic, f"{form} takes {ratios}× as long as {BASELINE} at n = {size}{wrts}.", level)


def _crossover(them: Insights) -> Iterator[Statement]:
    def key(it: Insight) -> tuple[Any, ...]:
        return tuple(it.numbers[name] for name in ("form", "above", "low", "high"))

    for (form, above, low, high), alike in by(them, key).items():
        wrts = _some(alike, len({it.where for it in them}))
        sizes = span((it.numbers["size"] for it in alike), 2)
        claim = f"{form} is {above} than {BASELINE} above n ≈ {sizes} (between {low} and {high}){wrts}."
        yield Statement("Crossover", claim)


def _digits(them: Insights) -> Iterator[Statement]:
    """A table: dtype × the smallest and the largest size, the fewest digits of the wrts."""
    ends = {it.numbers["size_from"] for it in them}, {it.numbers["size_to"] for it in them}
    small, large = min(ends[0]), max(ends[1])
    rows = []
    for dtype, alike in by(them, lambda it: it.where.dtype if it.where else None).items():
        held = alike[0].numbers["held"]
        name = f"{dtype} (of {held:.1f})" if held else str(dtype)
        first, last = (min(it.numbers[end] for it in alike) for end in ("first", "last"))
        reached = max(it.numbers["size_to"] for it in alike)
        cells = [f"{first:.1f}", f"{last:.1f}" if reached == large else f"{last:.1f} (n = {reached})"]
        rows.append([name, *(cells if small != large else cells[:1])])
    sizes = list(dict.fromkeys((small, large)))
    columns = ["dtype", *(f"n = {size}" for size in sizes)]
    yield Statement("Digits kept", "", INFO, Table(columns, rows))


def _overflow(them: Insights) -> Iterator[Statement]:
    for dtype, alike in by(them, lambda it: it.where.dtype if it.where else None).items():
        loss = {at_sizes(it.numbers): None for it in alike if it.kind == "loss_overflow"}
        parts = [f"the loss overflows {where}" for where in loss]
        gradients = [it for it in alike if it.kind == "overflow"]
        for where, same in by(gradients, lambda it: at_sizes(it.numbers)).items():
            methods = dict.fromkeys(it.numbers["method"] for it in same)
            whose = "the gradient" if len(methods) == same[0].numbers["methods"] else text.listed(methods)
            parts.append(
                f"{whose} {'overflow' if whose != 'the gradient' and len(methods) > 1 else 'overflows'} {where}"
            )
        needless = dict.fromkeys(it.numbers["method"] for it in gradients if it.numbers["is_needless"])
        note = f" For {text.listed(needless)} although the true values are representable." if needless else ""
        if parts:
            yield Statement("Overflow", f"{dtype}: {text.listed(parts)}.{note}", BAD)
        zeros = [it for it in alike if it.kind == "zeros"]
        for where, same in by(zeros, lambda it: at_sizes(it.numbers)).items():
            whose = text.listed(dict.fromkeys(it.numbers["method"] for it in same))
            yield Statement("All zeros", f"{dtype}: {whose} {where}, although the true gradient is not zero.", BAD)


def _coverage(them: Insights) -> Iterator[Statement]:
    for it in them:
        rest = text.counted(it.numbers["statuses"])
        measured = f"{it.numbers['ok']} of {it.numbers['planned']} cells measured"
        yield Statement("Coverage", f"{measured}; {rest}." if rest else f"{measured}.", it.level)


def _one_process(them: Insights) -> Iterator[Statement]:
    yield Statement("One process", "intervals allow for the usual spread between processes.", WARNING)


def _noisy(them: Insights) -> Iterator[Statement]:
    for it in them:
        load, cores = it.numbers["load"], it.numbers["cores"]
        known = load == load and cores
        machine = f" (median load {load:.1f} on {cores} cores)" if known else ""
        noisy = f"{it.numbers['undecided']} of {it.numbers['compared']} ratios are too noisy to decide{machine}."
        yield Statement("Noisy machine", noisy, WARNING)


def _launch_bound(them: Insights) -> Iterator[Statement]:
    for it in them:
        sizes, measured = it.numbers["sizes"], it.numbers["measured"]
        where = "at every size" if len(sizes) == len(measured) else f"at n = {text.listed(map(str, sizes))}"
        excess = span(it.numbers["times"])
        wrt = f" ({it.where.wrt})" if it.where else ""
        claim = f"{it.numbers['method']} waits for kernel launches {where}{wrt}: wall time is {excess}× device time."
        yield Statement("Launch-bound", f"{claim} (Threshold: {LAUNCH_BOUND}×.)")


Wording = Callable[[Insights], Iterator[Statement]]

RUN: dict[tuple[str, ...], Wording] = {
    ("coverage",): _coverage,
    ("one_process",): _one_process,
    ("noisy",): _noisy,
}
"""Kinds of insights on a whole run, and their wording."""

FIRST: dict[tuple[str, ...], Wording] = {
    ("right", "wrong", "not_checked", "no_verdicts"): _correctness,
    ("beyond_bound",): _beyond_bound,
    ("use",): _use,
    ("no_form",): _no_form,
    ("use_new_data",): _use_new_data,
    ("break_even",): _break_even,
    ("slowdown",): _slowdown,
    ("crossover",): _crossover,
    ("digits",): _digits,
    ("loss_overflow", "overflow", "zeros"): _overflow,
}
"""Kinds that the first screen shows, in order."""

DETAILS: dict[tuple[str, ...], Wording] = {
    ("jacobian",): detail.jacobian,
    ("dispatch", "work", "memory"): detail.cause,
    ("not_explained",): detail.not_explained,
    ("launch_bound",): _launch_bound,
    ("growth",): detail.growth,
    ("errors",): detail.errors,
}
"""Kinds that follow further down the page."""

SENTENCES = RUN | FIRST | DETAILS


def statements(them: Insights, wordings: dict[tuple[str, ...], Wording]) -> list[Statement]:
    """Statements on the insights of one problem and configuration, or of one run."""
    kinds = {kinds: [it for it in them if it.kind in kinds] for kinds in wordings}
    return [statement for key, own in kinds.items() if own for statement in wordings[key](own)]


@dataclass(frozen=True)
class Card:
    """The statements on one problem in one configuration."""

    problem: str
    where: str
    first: list[Statement]
    details: list[Statement]


def cards(them: Insights) -> list[Card]:
    """A card for each problem × configuration, in order of appearance.

    An insight without a configuration, such as a verdict, is on the first card of its problem.
    """
    of_problem = by([it for it in them if it.where], lambda it: it.where.problem if it.where else "")
    found = []
    for problem, own in of_problem.items():
        groups = by([it for it in own if _configuration(it)], _configuration) or {None: []}
        general = [it for it in own if not _configuration(it)]
        for place, alike in enumerate(groups.values()):
            group = [*(general if place == 0 else []), *alike]
            where = _configured(alike[0].where) if alike and alike[0].where else ""
            found.append(Card(problem, where, statements(group, FIRST), statements(group, DETAILS)))
    return found


def _configuration(it: Insight) -> tuple[Any, ...] | None:
    return it.where.configuration if it.where else None


def _configured(where: Where) -> str:
    """`cpu, 1 thread, ieee, hot`, after the overridden dimensions if there are any."""
    threads = f"{where.threads} thread{'s' if where.threads != 1 else ''}"
    parts = [where.shape, where.device, threads, where.numerics, where.cache]
    return ", ".join(text.short(part, 40) for part in parts if part)
