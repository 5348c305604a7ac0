"""The table of questions about a run: each takes a View and returns insights."""

from __future__ import annotations

from collections.abc import Callable

from gradiometer.analysis.insights.cause import cause
from gradiometer.analysis.insights.correctness import correctness, unusual
from gradiometer.analysis.insights.coverage import coverage
from gradiometer.analysis.insights.crossover import crossings
from gradiometer.analysis.insights.insight import Insight
from gradiometer.analysis.insights.launch_bound import launch_bound
from gradiometer.analysis.insights.overflow import overflow
from gradiometer.analysis.insights.precision import beyond_bound, digits, errors
from gradiometer.analysis.insights.preparation import preparation
from gradiometer.analysis.insights.recommendation import against_jacobian, recommendation
from gradiometer.analysis.insights.scaling import growth
from gradiometer.analysis.insights.slowdown import slowdown
from gradiometer.analysis.insights.view import View

INSIGHTS: tuple[Callable[[View], list[Insight]], ...] = (
    coverage,
    correctness,
    unusual,
    beyond_bound,
    recommendation,
    preparation,
    slowdown,
    crossings,
    digits,
    overflow,
    against_jacobian,
    cause,
    launch_bound,
    growth,
    errors,
)
"""The questions, in the order in which a page answers them."""


def insights(view: View) -> list[Insight]:
    """The answers to all questions about one run."""
    return [insight for question in INSIGHTS for insight in question(view)]
