"""The study as pytest sees it: one test per cell, measured by our engine and replayed to pytest-benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradiometer.storage.schema import TIMED_STATUSES

if TYPE_CHECKING:
    from gradiometer.pytest_plugin import StudySession


def test_gradient(
    problem: str,
    wrt: str,
    size: int,
    dtype: str,
    device: str,
    method: str,
    cell: str,
    study_session: StudySession,
    benchmark: Any,
    request: pytest.FixtureRequest,
) -> None:
    """One cell; skipped where it was not timed, an expected failure where its gradient is not sound."""
    result = study_session.result_of(cell)
    benchmark.extra_info.update(cell_id=cell, status=result.status, reason=result.reason)
    if result.status not in TIMED_STATUSES or not result.samples:
        benchmark.disabled = True
        study_session.fail_if_strict(result)
        pytest.skip(f"{result.status}: {result.reason}")
    clock = study_session.clock_of(request.node)
    clock.load(result.samples)
    benchmark.pedantic(lambda: None, rounds=len(result.samples), iterations=1)
    if result.status != "ok":
        study_session.fail_if_strict(result)
        pytest.xfail(f"{result.status}: {result.reason}")
