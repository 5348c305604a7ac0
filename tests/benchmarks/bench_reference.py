"""Time of a certified reference: `pytest --benchmark-only tests/benchmarks/bench_reference.py`.

∂L/∂W1 of linear_autoencoder_batch, size 1024, float32, uniform data, on one core. Cold: the cache is empty, so the
graphs are traced and evaluated exactly. Cached: the entries of another process are on disk, and the graphs are traced
to find them. The first trace of a process takes a second for torch's imports; verification pays it before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_limits

from gradiometer.accuracy.cache import Cache
from gradiometer.accuracy.reference import Reference, References
from gradiometer.problems import PROBLEMS
from gradiometer.problems.inputs import draw, rounded
from gradiometer.verification import TORCH, verify

PROBLEM, WRT, SIZE, DTYPE = PROBLEMS["linear_autoencoder_batch"], "W1", 1024, "float32"
DIMS = PROBLEM.dims_at(SIZE)


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """One thread for torch and one for the BLAS."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def inputs() -> dict[str, torch.Tensor]:
    """The inputs of the case."""
    drawn = draw(PROBLEM, DIMS, "uniform", 0)
    assert drawn is not None
    return rounded(drawn, getattr(torch, DTYPE))


@pytest.fixture(scope="module")
def exact_forms() -> list[str]:
    """The forms by which the reference may be computed."""
    return [v.form for v in verify(PROBLEM, WRT) if v.verdict in ("proved", "exact") and v.form != TORCH]


def reference(folder: Path, inputs: dict[str, torch.Tensor], exact_forms: list[str]) -> Reference:
    """The reference, computed by a new process with the cache in a folder."""
    found = References(Cache(folder)).of(PROBLEM, PROBLEM.wrts[WRT], DIMS, inputs, DTYPE, exact_forms)
    assert found.kind == "integer"
    assert found.radius_ulp is not None
    assert found.radius_ulp < 2.0**-20
    return found


def test_cold(benchmark: Any, tmp_path: Path, inputs: dict[str, torch.Tensor], exact_forms: list[str]) -> None:
    """The cache is empty."""
    fresh = (tmp_path / str(i) for i in itertools.count())
    benchmark.pedantic(reference, setup=lambda: ((next(fresh), inputs, exact_forms), {}), rounds=5)


def test_cached(benchmark: Any, tmp_path: Path, inputs: dict[str, torch.Tensor], exact_forms: list[str]) -> None:
    """The entries are in the cache."""
    first = reference(tmp_path, inputs, exact_forms)
    again = benchmark.pedantic(reference, args=(tmp_path, inputs, exact_forms), rounds=5)
    assert (again.hi == first.hi).all()
    assert (again.lo == first.lo).all()
