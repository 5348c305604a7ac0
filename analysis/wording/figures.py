"""One sentence for each figure, from its numbers. A sentence is about the first panel of its figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gradiometer.analysis.text import (
    counted,
    exponent,
    family_title,
    interval,
    listed,
    number,
    scientific,
    seconds,
    short,
)

Numbers = Mapping[str, Any]


def sentence(figure: str, numbers: Numbers) -> str:
    """The sentence on what a figure (by name) shows."""
    return SENTENCES[figure](numbers)


def _where(it: Numbers) -> str:
    """`W1 in float32`, and `W1 in float32, m = 32 n`."""
    wrt, dtype, *others = it["where"]
    return ", ".join([f"{short(wrt, 40)} in {dtype}", *(short(part, 40) for part in others if part)])


def _at(sizes: Iterable[int], measured: Iterable[int]) -> str:
    """`n = 8 to 512` for successive sizes among those `measured`; else `n = 8, 32 and 512`."""
    found, known = sorted(set(sizes)), sorted(set(measured))
    successive = found == [size for size in known if found[0] <= size <= found[-1]]
    return f"n = {found[0]} to {found[-1]}" if successive and len(found) > 2 else f"n = {listed(map(str, found))}"


def _names(methods: Iterable[str], joiner: str = "and", most: int = 5) -> str:
    found = [short(name, 40) for name in methods]
    shown = found if len(found) <= most else [*found[: most - 1], f"{len(found) - most + 1} others"]
    return listed(shown, joiner)


def _speedup(it: Numbers) -> str:
    if not it["forms"]:
        return f"{_where(it)}: no hand-derived form has a ratio to autograd."
    return f"{_where(it)}: {_fastest(it)}; {_slower(it)}."


def _fastest(it: Numbers) -> str:
    if it["forms"] == 1:
        last = it["last"]
        gain = f"{number(1 / last['ratio'])} times as fast as autograd"
        if last["verdict"] not in ("faster", "slower"):
            gain = "not significantly different from autograd"
        return f"{_names([last['method']])}, the only form, is {gain} at n = {last['size']}"
    if not it["fastest"]:
        return f"no form is significantly faster than all others at {_at(it['measured'], it['measured'])}"
    parts = [f"{_names([form])} is the fastest form at {_at(at, it['measured'])}" for form, at in it["fastest"].items()]
    return ", ".join(parts)


def _slower(it: Numbers) -> str:
    if it["all_faster"]:
        return "every form is faster than autograd at every size"
    if not (slower := it.get("slower")):
        return "no form is significantly slower than autograd"
    sizes = _at(slower["sizes"], it["measured"])
    most = f"{number(slower['ratio'])}×" + (f" at n = {slower['size']}" if len(slower["sizes"]) > 1 else "")
    return f"{_names([slower['form']])} is slower than autograd at {sizes} ({most})"


def _ratio_map(it: Numbers) -> str:
    total = sum(it["verdicts"].values())
    ends = [f"{number(end['ratio'])} ({_cell(end)})" for end in (it["smallest"], it["largest"])]
    if total == 1:
        return f"The only ratio is {ends[0]}."
    has = "has" if it["without"] == 1 else "have"
    without = f"; {it['without']} {has} no ratio" if it["without"] else ""
    return f"{total} ratios of the forms to autograd: {counted(it['verdicts'])}; from {' to '.join(ends)}{without}."


def _cell(it: Numbers) -> str:
    shape = f", {it['shape']}" if it["shape"] else ""
    return f"{_names([it['method']])}, {short(it['wrt'], 40)}, {it['dtype']}{shape}, n = {it['size']}"


def _exponents(it: Numbers) -> str:
    return listed(f"{exponent(*power)} ({_names([method])})" for method, power in it["exponents"].items())


def _time(it: Numbers) -> str:
    if "exponents" in it:
        ends = f"from n = {it['start']} to {it['stop']}"
        return f"{_where(it)}: {ends} time grows as n to the power {_exponents(it)}."
    if not (best := it.get("shortest")):
        return f"{_where(it)}: no form has a time."
    time = seconds(best["time_s"], best["time_low_s"], best["time_high_s"])
    return f"{_where(it)}: the shortest time at n = {best['size']} is {time} ({_names([best['method']])})."


def _slopes(it: Numbers) -> str:
    now = f"between n = {it['start']} and {it['stop']} time grows as n to the power {_exponents(it)}"
    if not (change := it.get("change")):
        return f"{_where(it)}: {now}; no slope changes significantly."
    values = f"from {change['before']:.2f} to {change['after']:.2f} at n = {change['size']}"
    return f"{_where(it)}: {now}; the largest change of slope is that of {_names([change['method']])}, {values}."


def _overhead(it: Numbers) -> str:
    parts = []
    for method, size in it["until"].items():
        until = f"up to n ≈ {number(size, 2)}" if 0 < size < math.inf else "at every size" if size else "at no size"
        parts.append(f"{_names([method])} {until}")
    poor = f" (largest error of the fits: {it['misfit']:.0%})" if it["poor"] else ""
    return f"{_where(it)}: overhead is more than half of a call for {listed(parts)}{poor}."


def _roofline(it: Numbers) -> str:
    rate = {"flops": "the measured peak rate of computing", "bytes": "the measured bandwidth"}[it["limited_by"]]
    reached = f"{_names([it['method']])} at n = {it['size']} reaches {_percent(it['share'])} of {rate}"
    small = f"; at n = {it['smallest']} no call exceeds {_percent(it['most'])}" if it["most"] is not None else ""
    return f"{_where(it)}: {reached}{small}."


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} %"


def _speed_error(it: Numbers) -> str:
    start = f"{_where(it)}, n = {it['size']}:"
    if it["methods"] == 1:
        return f"{start} {_names(it['front'])} is the only method with a time and an error."
    if len(it["front"]) == it["methods"]:
        return f"{start} all {it['methods']} methods are Pareto-optimal."
    verb = "is" if len(it["front"]) == 1 else "are"
    return f"{start} {_names(it['front'])} {verb} Pareto-optimal among {it['methods']} methods."


def _error(it: Numbers) -> str:
    whose = {"forms": "of the forms", "autograd": "of autograd"}
    parts = [f"{_range(it[who], it['in_u'])} ({name})" for who, name in whose.items() if it[who]]
    if not parts:
        return f"{_where(it)}: no form has an error to draw."
    sizes = _at(it["sizes"], it["measured"])
    return f"{_where(it)} on uniform data, {sizes}: median errors of {listed(parts)}."


def _range(ends: Sequence[float], in_u: bool) -> str:
    shown = dict.fromkeys(number(end, 2) if in_u else scientific(end) for end in ends)
    return " to ".join(shown) + (" u" if in_u else "")


def _ulp(it: Numbers) -> str:
    half, most, worst = (number(it[name], 2) for name in ("half", "most", "all"))
    bounds = f"half of the entries are within {half} ULP, 99 % within {most} and all within {worst}"
    return f"{_where(it)}, n = {it['size']}: {bounds} ({_names(it['methods'])})."


def _data(it: Numbers) -> str:
    if len(it["data"]) == 1:
        return f"{_where(it)}: only {it['data'][0]} data have an error."
    whose = "a form" if it["of_forms"] else "a method"
    kappa, of_gradient, of_terms = (
        " to ".join(number(value, 2) if value < 1000 else scientific(value, 1) for value in it[name])
        for name in ("kappa", "of_gradient", "of_terms")
    )
    return (
        f"{_where(it)}, n = {it['size']}, {' to '.join(it['data'])} data: κ goes from {kappa}, the largest relative "
        f"error of {whose} in u from {of_gradient}, its error relative to the terms from {of_terms}."
    )


def _overflow(it: Numbers) -> str:
    firsts = [f"{what} from n = {it[what]}" for what in ("loss", "gradient") if it[what] is not None]
    parts = [f"not finite: {listed(firsts)}"] if firsts else []
    if it["spurious"]:
        verb = "overflows" if len(it["spurious"]) == 1 else "overflow"
        parts.append(f"{_names(it['spurious'])} {verb} although the exact values are representable")
    if it["zero"]:
        verb = "returns" if len(it["zero"]) == 1 else "return"
        parts.append(f"{_names(it['zero'])} {verb} zero although the true gradient is not zero")
    found = "; ".join(parts) if parts else "all values are finite"
    return f"{_where(it)} on uniform data (forms and autograd): {found}."


def _time_over_first(it: Numbers) -> str:
    parts = []
    for run, rows in it["runs"].items():
        ends = [f"{interval(row['ratio'], row['ratio_low'], row['ratio_high'])} at n = {row['size']}" for row in rows]
        parts.append(f"{short(run, 60)}: {listed(ends)}")
    return f"{family_title(it['family'])}, time relative to the first run: {'; '.join(parts)}."


SENTENCES: dict[str, Callable[[Numbers], str]] = {
    "speedup": _speedup,
    "ratio_map": _ratio_map,
    "time": _time,
    "slopes": _slopes,
    "overhead": _overhead,
    "roofline": _roofline,
    "speed_error": _speed_error,
    "error": _error,
    "ulp": _ulp,
    "data": _data,
    "overflow": _overflow,
    "time_over_first": _time_over_first,
}
"""Name of a figure → the function that words its numbers."""
