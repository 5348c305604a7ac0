"""Which form to use, which to beware of, and what either costs: choices in, statements out. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.insights import choice
from gradiometer.analysis.insights.choice import Cell, Choice
from gradiometer.statistics import Ratio
from gradiometer.storage.schema import BASELINE

JACOBIAN = "jacobian"
"""`torch.autograd.functional.jacobian`, which derivations by hand are commonly checked with."""

NONE = "no form"
TRAP = 2.0
"""A form that takes more of autograd's time than this is one to beware of."""

Choices = Mapping[str, Choice]
"""wrt → what to use at one size, for those that have a form."""


@dataclass(frozen=True)
class Statement:
    """`topic: answer`, which is read at a glance, and the `detail` with its numbers; `bad` where it is a warning."""

    topic: str
    answer: str
    detail: str
    bad: bool = False


def use(
    size: int, chosen: Choices, forms: Sequence[Cell], pays: pd.DataFrame, wrts: Sequence[str]
) -> Iterator[Statement]:
    """What to use at one size. Where that prepares once per data set: from how many calls on preparing pays (`pays` of
    `gradiometer.analysis.insights.scaling.preparing_pays`), and what to use where the data are new at every call.
    """
    if without := [wrt for wrt in wrts if wrt not in chosen]:
        which = f" ({text.listed(without)})" if chosen else ""
        yield Statement(f"Use at n = {size}", f"{NONE}{which}", "none is right, finite and timed.")
    if not chosen:
        return
    yield Statement(f"Use at n = {size}", _answers(chosen), f"{_costs(chosen)}.")
    prepared = [wrt for wrt, it in chosen.items() if all(pd.notna(cell["setup_s"]) for cell in it.level)]
    others = choices([cell for cell in forms if cell["wrt"] in prepared and pd.isna(cell["setup_s"])], size)
    if others:
        pairs = {(size, wrt, it.best["method"]) for wrt, it in others.items()}
        known = zip(pays["size"], pays["wrt"], pays["other"], strict=True)
        calls = pays.loc[[pair in pairs for pair in known], "calls"].max()
        since = f"preparing pays from {math.ceil(calls)} calls on" if calls < float("inf") else "preparing may not pay"
        gains = spread([inverse(choice.against(it.best)) for it in others.values()])
        yield Statement("– with new data at every call", _answers(others), f"{gains} times; {since}.")


def choices(forms: Sequence[Cell], size: int) -> Choices:
    """What to use at one size, for each wrt that has a form; `forms` of `choice.records`."""
    by_wrt: dict[str, list[Cell]] = {}
    for cell in forms:
        if cell["size"] == size:
            by_wrt.setdefault(str(cell["wrt"]), []).append(cell)
    return choice.agreed({wrt: choice.choose(cells) for wrt, cells in by_wrt.items()})


def _answers(chosen: Choices) -> str:
    return merged({wrt: answer_of(it) for wrt, it in chosen.items()}, "; ")


def answer_of(it: Choice) -> str:
    """The forms to use, in a word; autograd where none beats it."""
    names = [text.short(name, 40) for name in it.names]
    if pd.isna(it.best["ratio"]):
        return text.listed(names, "or")
    verdict = choice.against(it.best).verdict
    if verdict == "slower":
        return f"keep {BASELINE}"
    return text.listed(names if verdict == "faster" else [*names, BASELINE], "or")


def _costs(chosen: Choices) -> str:
    """`4.15 [4.06, 4.24] (W1) and 4.68 [4.55, 4.80] (W2) times as fast as autograd`, of the fastest forms."""
    best = {wrt: it.best for wrt, it in chosen.items()}
    told = {wrt: "untimed" if pd.isna(cell["ratio"]) else choice.against(cell).verdict for wrt, cell in best.items()}
    parts = []
    for verdict, wrts in grouped(told).items():
        words = COSTS[verdict].format(merged({wrt: _cost(best[wrt], verdict) for wrt in wrts}))
        parts.append(words if len(wrts) == len(told) or "(" in words else f"{words} ({text.listed(wrts)})")
    return "; ".join(parts)


COSTS = {
    "faster": f"{{}} times as fast as {BASELINE}",
    "slower": f"the fastest form takes {{}} times {BASELINE}'s time",
    "same": f"as fast within 1 %, {{}} times {BASELINE}'s time",
    "undecided": f"not told apart, {{}} times {BASELINE}'s time",
    "untimed": f"{{}} a call; {BASELINE} has no time",
}


def _cost(cell: Cell, verdict: str) -> str:
    if verdict == "untimed":
        return text.seconds(cell["time_s"], cell["time_low_s"], cell["time_high_s"])
    return gain(cell) if verdict == "faster" else loss(cell)


def trap(at: Mapping[int, Choices]) -> Iterator[Statement]:
    """The form that takes longest against autograd, where it takes longer; or that none does."""
    slowest: dict[str, Cell] = {}
    for chosen in at.values():
        for wrt, it in chosen.items():
            if it.slowest["ratio"] > slowest.get(wrt, {"ratio": 0.0})["ratio"]:
                slowest[wrt] = it.slowest
    slow = {wrt: cell for wrt, cell in slowest.items() if choice.against(cell).verdict == "slower"}
    if slowest and not slow:
        worst = max(slowest.values(), key=lambda cell: float(cell["ratio"]))
        detail = f"the slowest form, {text.short(worst['method'], 40)}, takes {loss(worst)} times {BASELINE}'s time"
        yield Statement("Trap", "none", f"{detail} (n = {worst['size']}, {worst['wrt']}).")
    names = {wrt: f"{text.short(cell['method'], 40)} at n = {cell['size']}" for wrt, cell in slow.items()}
    for name, wrts in grouped(names).items():
        takes = merged({wrt: loss(slow[wrt]) for wrt in wrts})
        far = max(float(slow[wrt]["ratio"]) for wrt in wrts) > TRAP
        yield Statement("Trap" if far else "Slower", name, f"{takes} times {BASELINE}'s time.", bad=far)


def crossings(found: pd.DataFrame) -> Iterator[Statement]:
    """At which sizes forms cross autograd; which never do: `found` by `scaling.crossovers`."""
    if found.empty:
        return
    crossed = dict.fromkeys(text.short(name, 40) for name in found.loc[found["size"].notna(), "method"])
    told = []
    for relation, of_relation in found.groupby("relation", sort=False):
        parts = {}
        for method, rows in of_relation.groupby("method", sort=False):
            some = len(rows) < found.loc[found["method"] == method, "wrt"].nunique()
            where = f" ({text.listed(rows['wrt'])})" if some else ""
            if rows["size"].notna().any():
                sizes = rows[["size", "size_low", "size_high"]].itertuples(index=False, name=None)
                at = dict(zip(rows["wrt"], (text.interval(*row) for row in sizes), strict=True))
                where = f" at n = {merged(at)}"
            parts[text.short(method, 40)] = where
        told.append(f"{text.listed(f'{name}{where}' for name, where in parts.items())}: {relation}")
    yield Statement(f"Crosses {BASELINE}", text.listed(crossed) if crossed else "none", f"{'; '.join(told)}.")


def against_jacobian(at: Mapping[int, Choices], rows: Sequence[Cell]) -> Iterator[Statement]:
    """How many times the time of what is advised `functional.jacobian` takes (its `rows`), at each size."""
    told = []
    for size, chosen in at.items():
        of_size = [row for row in rows if row["size"] == size and row["wrt"] in chosen]
        if of_size:
            quotients = [choice.quotient(row, chosen[row["wrt"]].best) for row in of_size]
            told.append(f"{spread(quotients)} at n = {size}")
    if told:
        yield Statement("functional.jacobian", "times the form's time", f"{'; '.join(told)}.")


def spread(them: Sequence[Ratio]) -> str:
    """`3.61 to 4.25 [3.26, 4.52]`: the least and the most, and the lowest and highest ends of their intervals."""
    ends = dict.fromkeys(text.number(value) for value in (min(it.ratio for it in them), max(it.ratio for it in them)))
    low, high = min(it.low for it in them), max(it.high for it in them)
    return f"{' to '.join(ends)} [{text.number(low)}, {text.number(high)}]"


def inverse(it: Ratio) -> Ratio:
    """A speed-up from a ratio, and back."""
    return Ratio(1 / it.value, it.log_se, it.df, it.processes)


def gain(cell: Cell) -> str:
    """A cell's speed-up over autograd, with its interval."""
    return _shown(inverse(choice.against(cell)))


def loss(cell: Cell) -> str:
    """A cell's time over autograd's, with its interval."""
    return _shown(choice.against(cell))


def _shown(it: Ratio) -> str:
    return text.interval(it.ratio, it.low, it.high)


def grouped(parts: Mapping[str, str]) -> dict[str, list[str]]:
    """Each text → the names of `parts` that have it, in order."""
    found: dict[str, list[str]] = {}
    for name, part in parts.items():
        found.setdefault(part, []).append(name)
    return found


def merged(parts: Mapping[str, str], joiner: str = "") -> str:
    """`4.15 (W1) and 4.68 (W2 and W1+W2)`: each text once, with what it is true of unless that is all."""
    alike = grouped(parts)
    told = list(alike) if len(alike) < 2 else [f"{part} ({text.listed(names)})" for part, names in alike.items()]
    return joiner.join(told) if joiner or not told else text.listed(told)
