"""Sentences for the insights of one run. `merge.py` joins what several wrts have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import BAD, GOOD, INFO, WARNING, Insight
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


def _correctness(them: Insights, wrts: int) -> Iterator[Statement]:
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
        parts += [f"{len(unchecked)} {'is' if len(unchecked) == 1 else 'are'} not checked"] if unchecked else []
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


def _unusual(them: Insights, wrts: int) -> Iterator[Statement]:
    for reason, alike in by(them, _reason).items():
        yield Statement("Not advised", f"{names(alike, them)} {reason}.", WARNING)


def _beyond_bound(them: Insights, wrts: int) -> Iterator[Statement]:
    for method, alike in by(them, lambda it: it.numbers["method"]).items():
        worst = max(alike, key=lambda it: it.numbers["bound_share"])
        at = f"n = {worst.numbers['size']}, {worst.where.wrt}, {worst.where.dtype}" if worst.where else ""
        share = factor(worst.numbers["bound_share"])
        yield Statement("Bug", f"the error of {method} is up to {share}× its proved bound ({at}).", BAD)


def _use(topic: str, them: Insights, wrts: int) -> Iterator[Statement]:
    """One statement for the wrts with the same forms at the same sizes."""

    def advice(it: Insight) -> tuple[Any, ...]:
        return tuple((r.size_from, r.size_to, r.forms, _is_beaten(r)) for r in it.numbers["ranges"])

    for alike in by(them, advice).values():
        parts = [_range([it.numbers["ranges"][place] for it in alike], alike) for place in range(len(advice(alike[0])))]
        unchecked = {form: None for it in alike for r in it.numbers["ranges"] for form in r.unchecked}
        note = f" Not checked: {text.listed(unchecked)}." if unchecked else ""
        yield Statement(f"{topic}{_some(alike, wrts)}", f"{'; '.join(parts)}.{note}", WARNING if unchecked else INFO)


def _is_beaten(it: Any) -> bool:
    return set(it.decisions) == {"slower"}


def _range(ranges: Sequence[Any], alike: Insights) -> str:
    """`factored at every size: 5.5× faster than autograd at n = 8, 2.1× at n = 512`, over the wrts of `alike`."""
    it = ranges[0]
    several = len(alike[0].numbers["ranges"]) > 1
    sizes = range_of(it.size_from, it.size_to) if several or it.size_from == it.size_to else "at every size"
    forms = text.listed((text.short(form, 40) for form in it.forms), "or")
    names_of = [insight.where.wrt for insight in alike if insight.where]
    ends = [(it.size_from, 0)] if it.size_from == it.size_to else [(it.size_from, 0), (it.size_to, 1)]
    if {decision for r in ranges for decision in r.decisions} == {"undecided"}:
        return f"{BASELINE}, {forms} {sizes}: no significant difference"
    gains = []
    for size, end in ends:
        gain = times_faster({wrt: (r.speedups[end], r.decisions[end]) for wrt, r in zip(names_of, ranges, strict=True)})
        gains.append(gain if len(ends) == 1 else f"{gain} at n = {size}")
    who = f"{BASELINE} {sizes}: the fastest form, {forms}, is" if _is_beaten(it) else f"{forms} {sizes}:"
    return f"{who} {joined(gains)}"


def _no_form(them: Insights, wrts: int) -> Iterator[Statement]:
    yield Statement(f"Use{_some(them, wrts)}", f"{BASELINE}: no form is right, finite and timed.", WARNING)


def _break_even(them: Insights, wrts: int) -> Iterator[Statement]:
    def key(it: Insight) -> tuple[Any, ...]:
        return (*(it.numbers[name] for name in ("form", "other", "size")), _pays(it.numbers))

    for (form, other, size, pays), alike in by(them, key).items():
        calls = ""
        if pays == "pays off":
            low, high = min(it.numbers["low"] for it in alike), max(it.numbers["high"] for it in alike)
            whole = _whole(it.numbers["calls"] for it in alike)
            calls = f" after {whole} calls on the same data (95 %: {low:.0f} to {high:.0f})"
        claim = f"{form} {pays}{calls}, compared with {other} (n = {size}){_some(alike, wrts)}."
        yield Statement("Preparation", claim)


def _whole(values: Iterable[float]) -> str:
    found = list(values)
    return "–".join(dict.fromkeys(f"{value:,.0f}" for value in (min(found), max(found))))


def _pays(numbers: Any) -> str:
    if numbers["calls"] == float("inf"):
        return "does not pay off"
    if numbers["high"] == float("inf"):
        return "may not pay off"
    return "pays off on the first call" if numbers["calls"] <= 1 else "pays off"


def _some(alike: Insights, count: int) -> str:
    """The wrts of `alike`, unless they are all `count` of them."""
    wrts = dict.fromkeys(it.where.wrt for it in alike if it.where)
    return "" if len(wrts) == count else f" ({text.listed(wrts)})"


def _slowdown(them: Insights, wrts: int) -> Iterator[Statement]:
    for (form, size), alike in by(them, lambda it: (it.numbers["form"], it.numbers["size"])).items():
        ratios = span(it.numbers["ratio"] for it in alike)
        topic = "Large slowdown" if any(it.numbers["is_excessive"] for it in alike) else "Slower"
        level = BAD if any(it.level == BAD for it in alike) else WARNING
        claim = f"{form} takes {ratios}× as long as {BASELINE} at n = {size}{_some(alike, wrts)}."
        yield Statement(topic, claim, level)


def _crossover(them: Insights, wrts: int) -> Iterator[Statement]:
    for (form, above), alike in by(them, lambda it: (it.numbers["form"], it.numbers["above"])).items():
        sizes = span((it.numbers["size"] for it in alike), 2)
        low, high = min(it.numbers["low"] for it in alike), max(it.numbers["high"] for it in alike)
        between = f"n ≈ {sizes} (between {low} and {high}){_some(alike, wrts)}"
        yield Statement("Crossover", f"{form} is {above} than {BASELINE} above {between}.")


def _digits(them: Insights, wrts: int) -> Iterator[Statement]:
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


def _overflow(them: Insights, wrts: int) -> Iterator[Statement]:
    for dtype, alike in by(them, lambda it: it.where.dtype if it.where else None).items():
        lost = dict.fromkeys(at_sizes(it) for it in alike if it.kind == "loss_overflow")
        parts = [f"the loss {where}" for where in lost]
        gradients = [it for it in alike if it.kind == "overflow"]
        parts += [f"{_whose(same)} {where}" for where, same in by(gradients, at_sizes).items()]
        needless = dict.fromkeys(it.numbers["method"] for it in gradients if it.numbers["is_needless"])
        note = f" Avoidable, the true value is in range: {text.listed(needless)}." if needless else ""
        if parts:
            yield Statement("Overflow", f"{dtype}: {text.listed(parts)}.{note}", BAD)
        for where, same in by([it for it in alike if it.kind == "zeros"], at_sizes).items():
            whose = text.listed(dict.fromkeys(it.numbers["method"] for it in same))
            yield Statement("All zeros", f"{dtype}: {whose} {where}, although the true gradient is not zero.", BAD)


def _whose(gradients: Insights) -> str:
    """The methods whose gradient overflows; "the gradient" where all of them do."""
    methods = dict.fromkeys(it.numbers["method"] for it in gradients)
    of_all = len(methods) == gradients[0].numbers["methods"]
    return "the gradient" if of_all else f"the gradient of {text.listed(methods)}"


def _coverage(them: Insights, wrts: int) -> Iterator[Statement]:
    for it in them:
        rest = text.counted(it.numbers["statuses"])
        measured = f"{it.numbers['ok']} of {it.numbers['planned']} cells measured"
        yield Statement("Coverage", f"{measured}; {rest}." if rest else f"{measured}.", it.level)


def _one_process(them: Insights, wrts: int) -> Iterator[Statement]:
    yield Statement("One process", "intervals allow for the usual spread between processes.", WARNING)


def _noisy(them: Insights, wrts: int) -> Iterator[Statement]:
    for it in them:
        load, cores = it.numbers["load"], it.numbers["cores"]
        known = load == load and cores
        machine = f" (median load {load:.1f} on {cores} cores)" if known else ""
        noisy = f"{it.numbers['undecided']} of {it.numbers['compared']} ratios are too noisy to decide{machine}."
        yield Statement("Noisy machine", noisy, WARNING)


def _launch_bound(them: Insights, wrts: int) -> Iterator[Statement]:
    def key(it: Insight) -> tuple[Any, ...]:
        sizes = it.numbers["sizes"]
        return it.numbers["method"], tuple(sizes), len(sizes) == len(it.numbers["measured"])

    for (method, sizes, is_all), alike in by(them, key).items():
        where = "at every size" if is_all else f"at n = {text.listed(map(str, sizes))}"
        claim = f"{method} waits for kernel launches {where}{_some(alike, wrts)}"
        excess = span(times for it in alike for times in it.numbers["times"])
        yield Statement("Launch-bound", f"{claim}: wall time is {excess}× device time.")


Wording = Callable[[Insights, int], Iterator[Statement]]
"""From the insights of one kind on one problem and configuration, and the number of wrts of the problem."""

RUN: dict[tuple[str, ...], Wording] = {("coverage",): _coverage, ("one_process",): _one_process, ("noisy",): _noisy}
"""Kinds of insights on a whole run, and their wording."""

FIRST: dict[tuple[str, ...], Wording] = {
    ("right", "wrong", "not_checked", "no_verdicts"): _correctness,
    ("unusual",): _unusual,
    ("beyond_bound",): _beyond_bound,
    ("use",): partial(_use, "Use"),
    ("no_form",): _no_form,
    ("use_new_data",): partial(_use, "If the data change on every call, use"),
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
    wrts = len({it.where.wrt for it in them if it.where})
    kinds = {kinds: [it for it in them if it.kind in kinds] for kinds in wordings}
    return [statement for key, own in kinds.items() if own for statement in wordings[key](own, wrts)]
