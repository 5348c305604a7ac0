"""Groups the insights of a run by problem and configuration, one card each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import Insight, Where
from gradiometer.analysis.wording import run
from gradiometer.analysis.wording.merge import Statement, by


@dataclass(frozen=True)
class Card:
    """The statements on one problem in one configuration."""

    problem: str
    where: str
    first: list[Statement]
    details: list[Statement]


def cards(them: Sequence[Insight]) -> list[Card]:
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
            found.append(Card(problem, where, run.statements(group, run.FIRST), run.statements(group, run.DETAILS)))
    return found


def _configuration(it: Insight) -> tuple[Any, ...] | None:
    return it.where.configuration if it.where else None


def _configured(where: Where) -> str:
    """`cpu, 1 thread, ieee, hot`, after the overridden dimensions if there are any."""
    threads = f"{where.threads} thread{'s' if where.threads != 1 else ''}"
    parts = [where.shape, where.device, threads, where.numerics, where.cache]
    return ", ".join(text.short(part, 40) for part in parts if part)
