"""The first screen: of each problem, is it right, which form to use, how precise, how fast. Frames in, plain data out.

No torch here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import CELL, CONFIGURATION, split, with_error
from gradiometer.analysis.insights import advice, choice, scaling
from gradiometer.analysis.insights.advice import Choices, Statement
from gradiometer.analysis.insights.digits import Digits, digits, in_range, overflows
from gradiometer.storage.schema import BASELINE

SMALL = 32
"""Answers are given at the smallest measured size of at least this, and at the largest."""

TORCH = ("torch", "torch.func.grad")
"""The forms in `derivations` that stand for torch's own derivative: in older runs, and now."""

RIGHT = {"exact": "exactly right", "rounded_constants": "right up to constants that were rounded when written"}
"""Verdicts of right derivations, in words."""


@dataclass(frozen=True)
class Answer:
    """What is said of one problem and shape in one configuration: is it right and which form to use (`choice`), the
    digits kept, and the `rest`: overflow, crossings, jacobian. `brief` is the same as one row of a table.
    """

    problem: str
    wrts: list[str]
    where: str
    choice: list[Statement]
    digits: Digits | None
    rest: list[Statement]
    brief: dict[str, str]


KEYS = ["problem", "shape", *CONFIGURATION]
"""What an answer is of."""
_NEEDED = ["run_id", "cell_id", "case_id", "wrt", "dtype", "size", "dims", "method", "family", "status", "setup_s",
           "time_s", "time_log_se", "time_df", "time_low_s", "time_high_s", "ratio", "ratio_log_se", "ratio_df",
           "ratio_low", "ratio_high", "processes"]  # fmt: skip


def answers(
    cells: pd.DataFrame, scores: pd.DataFrame, derivations: pd.DataFrame, in_full: int | None = None
) -> list[Answer]:
    """An answer for each problem × shape × configuration of one run, in float32, or else in its first dtype; after the
    first `in_full` of them, only what is `brief`.
    """
    cells = cells[[*KEYS, *_NEEDED]]
    groups = dict(iter(cells.groupby(KEYS, sort=False)))
    leading = {key: of_key[of_key["dtype"] == leading_dtype(of_key)] for key, of_key in groups.items()}
    led = pd.concat([cells.head(0), *leading.values()])
    forms = choice.usable(led, derivations)
    marks = [*KEYS, "dtype", "size", "method"]  # few columns, since slices of wide tables are slow
    scored = with_error(cells[[*CELL, *marks]], scores)
    tables = {
        "forms": forms,
        "pays": scaling.preparing_pays(forms),
        "crossed": scaling.crossovers(pd.concat([forms, led[led["method"] == BASELINE]])),
        "jacobian": led[(led["method"] == advice.JACOBIAN) & led["time_s"].notna()],
        "scored": scored.loc[scored["seeds"] > 0, [*marks, "digits"]],
        "in_range": in_range(cells[[*CELL, *marks, "family"]], scores),
    }
    parts = {name: split(table, KEYS) for name, table in tables.items()}
    found = []
    for place, (key, of_key) in enumerate(leading.items()):
        wrts = list(dict.fromkeys(groups[key]["wrt"]))
        own = derivations[(derivations["problem"] == key[0]) & derivations["wrt"].isin(wrts)]
        brief = in_full is not None and place >= in_full
        found.append(_answer(of_key, own, wrts, {name: of(key) for name, of in parts.items()}, brief))
    return found


def _answer(
    case: pd.DataFrame, own: pd.DataFrame, wrts: list[str], of: dict[str, pd.DataFrame], in_brief: bool
) -> Answer:
    forms = choice.records(of["forms"])
    at: dict[int, Choices] = {size: advice.choices(forms, size) for size in sizes(case)}
    right, limits = list(rightness(own)), list(overflows(of["in_range"]))
    kept = digits(of["scored"], {size: _methods(chosen) for size, chosen in at.items()})
    where, problem = configuration(case.iloc[0]), str(case["problem"].iloc[0])
    brief = _brief(right, at, kept, limits)
    if in_brief:
        return Answer(problem, wrts, where, [], None, [], brief)
    uses = [it for size, chosen in at.items() for it in advice.use(size, chosen, forms, of["pays"], wrts)]
    jacobian = advice.against_jacobian(at, choice.records(of["jacobian"]))
    rest = [*limits, *advice.crossings(of["crossed"]), *jacobian]
    return Answer(problem, wrts, where, [*right, *uses, *advice.trap(at)], kept, rest, brief)


def leading_dtype(cells: pd.DataFrame) -> str:
    """The dtype that sentences are about: float32, where the question was asked, or else the first."""
    dtypes = list(dict.fromkeys(cells["dtype"]))
    return "float32" if "float32" in dtypes else str(dtypes[0])


def sizes(cells: pd.DataFrame) -> list[int]:
    """The two sizes that answers are given at, or the only one."""
    measured = sorted(map(int, set(cells["size"])))
    small = next((size for size in measured[:-1] if size >= SMALL), measured[0])
    return list(dict.fromkeys((small, measured[-1])))


def _methods(chosen: Choices) -> list[str]:
    """What the advice amounts to: the forms chosen, or autograd."""
    return list(dict.fromkeys(name for it in chosen.values() for name in it.names)) or [BASELINE]


def configuration(cell: Any) -> str:
    """`float32, cpu, 1 thread, ieee, hot`, with the overridden dimensions where there are some."""
    threads = f"{cell['threads']} thread{'s' if cell['threads'] != 1 else ''}"
    parts = [cell["dtype"], cell["shape"], cell["device"], threads, cell["numerics"], cell["cache"]]
    return ", ".join(text.short(part, 40) for part in parts if part)


def rightness(rows: pd.DataFrame) -> Iterator[Statement]:
    """The verdicts on the forms of one problem: what is right, what is refuted and why, what could not be checked."""
    forms = rows[~rows["form"].isin(TORCH)]
    if forms.empty:
        yield Statement("Right", "not checked", "This run has no verdict on a derivation.", bad=True)
    for verdict, meaning in RIGHT.items():
        having = forms[forms["verdict"] == verdict]
        if len(having):
            digits, points = int(having["digits"].min()), int(having["points"].min())
            answer = "yes" if len(having) == len(forms) else _named(having, forms)
            detail = f"{_named(having, forms)}: {meaning}, to {digits} digits at {points} points, in exact arithmetic."
            yield Statement("Right", answer, detail)
    for verdict, topic in (("wrong", "Wrong, never use"), ("unchecked", "Not checked")):
        having = forms[forms["verdict"] == verdict].fillna({"diagnosis": "no reason was given"})
        for diagnosis, alike in having.groupby("diagnosis", sort=False):
            yield Statement(topic, _named(alike, forms), f"{text.short(diagnosis, 160)}.", bad=True)


def _named(having: pd.DataFrame, forms: pd.DataFrame) -> str:
    """The forms in `having`, each with its wrts where they are not all that it has."""
    names = {}
    for form, rows in having.groupby("form", sort=False):
        some = len(rows) < (forms["form"] == form).sum()
        names[text.short(form, 40)] = f" ({text.listed(rows['wrt'])})" if some else ""
    return text.listed(f"{name}{wrts}" for name, wrts in names.items())


def _brief(
    right: list[Statement], at: dict[int, Choices], kept: Digits | None, limits: list[Statement]
) -> dict[str, str]:
    ends = [f"n = {size}: {_briefly(chosen)}" for size, chosen in at.items()]
    return {
        "right": _right(right),
        "smaller size": ends[0],
        "larger size": ends[-1] if len(ends) > 1 else "–",
        "digits": kept.brief() if kept else "–",
        "overflow": text.listed([it.answer for it in limits if it.bad] or ["–"]),
    }


def _briefly(chosen: Choices) -> str:
    """The answer of every wrt and the speed-ups that it stands for, from the least to the most."""
    parts = []
    for answer, wrts in advice.grouped({wrt: advice.answer_of(it) for wrt, it in chosen.items()}).items():
        them = [choice.against(chosen[wrt].best) for wrt in wrts]
        which = "" if len(wrts) == len(chosen) else f" ({text.listed(wrts)})"
        if any(pd.notna(chosen[wrt].best["setup_s"]) for wrt in wrts):
            which += " once prepared"
        gains = (
            ""
            if any(it.verdict == "slower" for it in them)
            else f", {advice.spread(list(map(advice.inverse, them)))} ×"
        )
        parts.append(f"{answer}{which}{gains}")
    return "; ".join(parts) or advice.NONE


def _right(verdicts: list[Statement]) -> str:
    """`yes`; else what is wrong, or else what was not checked."""
    bad = [f"{it.topic.split(',')[0].lower()}: {it.answer}" for it in verdicts if it.bad and it.topic != "Right"]
    return "; ".join(bad) or verdicts[0].answer
