"""The study as pytest collects it: one test per cell, measured by the engine and replayed to pytest-benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradiometer.storage.schema import TIMED_STATUSES

if TYPE_CHECKING:
    from gradiometer.study_session import StudySession


pytestmark = pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")


def test_gradient(
    problem: str, wrt: str, size: int, dtype: str, device: str, method: str, cell: str,
    gradiometer_session: StudySession, benchmark: Any, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """One cell: skipped if it has no samples, an expected failure if its gradient is not sound.

    A failed form of a user's own problem is a failed test; under `--study-strict`, any failed cell is.
    """
    result = gradiometer_session.result_of(cell)
    reason = f"{result.status}: {result.reason}"
    benchmark.extra_info.update(cell_id=cell, status=result.status, reason=result.reason)
    is_timed = result.status in TIMED_STATUSES and bool(result.samples)
    if is_timed:
        clock = gradiometer_session.clocks[request.node.nodeid]
        clock.load(result.samples)
        benchmark.pedantic(lambda: None, rounds=len(result.samples), iterations=1)
    else:
        benchmark.disabled = True
    if gradiometer_session.fails(problem, method, result.status):
        request.node.user_properties.append(("gradiometer", "failed"))
        pytest.fail(reason, pytrace=False)
    if not is_timed:
        pytest.skip(reason)
    if result.status != "ok":
        pytest.xfail(reason)
