"""Causes of large ratios, in runs whose overheads, work and peak rates are known."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import nnls

from gradiometer import analysis
from gradiometer.analysis.insights.cause import cause, causes, costs
from gradiometer.analysis.insights.view import view_of

ONE = "linear_autoencoder"
PEAK, BANDWIDTH = 1e11, 1e10
PEAK_RATES = [
    {
        "device": "cpu", "threads": 1, "numerics": "ieee",
        "flops_per_s": {"float32": PEAK}, "bytes_per_s": {"100000000": BANDWIDTH},
    }
]  # fmt: skip
TIMES = {
    "autograd": (50e-6, 2),
    "textbook": (8e-6, 2),
    "factored": (5e-6, 2),
    "func_grad": (52e-6, 20),
    "jacrev": (400e-6, 2),
    "jacobian": (60e-6, 2),
}
"""Method → overhead in seconds, and how many times its limit its work takes."""


def work(method, n):
    return (300 * n**3 if method == "textbook" else 4 * n**2), 6 * n**2


def truth(problem, method, n):
    if method not in TIMES:
        return None
    overhead, times = TIMES[method]
    flops, moved = work(method, n)
    return overhead + times * max(flops / PEAK, moved / BANDWIDTH)


@pytest.fixture(scope="module")
def frames(make_run):
    run = make_run(grids=((ONE, "W1", "float32"),), sizes=(8, 32, 128, 512), truth=truth, work=work)
    found = analysis.load([run])
    return dataclasses.replace(found, runs=[found.runs[0] | {"peak_rates": PEAK_RATES}])


@pytest.fixture(scope="module")
def cells(frames):
    return view_of(frames).cells


@pytest.mark.parametrize(("method", "limit"), [("autograd", "bytes"), ("textbook", "flops"), ("jacrev", "bytes")])
def test_overhead_and_cost_are_found_again(cells, method, limit):
    (fit,) = costs(cells)[lambda found: found["method"] == method].to_dict("records")
    overhead, times = TIMES[method]
    assert fit["work"] == limit and fit["points"] == 4
    assert fit["overhead_s"] == pytest.approx(overhead, rel=0.05)
    assert fit["cost_s"] == pytest.approx(times / {"flops": PEAK, "bytes": BANDWIDTH}[limit], rel=0.1)
    assert fit["misfit"] < 0.05


@pytest.mark.parametrize("times", [[1.0, 0.9, 0.5, 0.2], [1.0, 40.0, 900.0, 90000.0], [1.0, 3.0, 2.0, 40.0]])
def test_neither_overhead_nor_cost_is_negative_and_the_fit_is_that_of_scipy(cells, times):
    curve = cells[cells["method"] == "textbook"].sort_values("size").assign(time_s=times)
    fit = costs(curve).iloc[0]
    terms = np.column_stack([np.ones(4), curve["flops"].to_numpy(float)]) / np.array(times)[:, np.newaxis]
    scales = np.linalg.norm(terms, axis=0)
    expected = nnls(terms / scales, np.ones(4))[0] / scales
    np.testing.assert_allclose([fit["overhead_s"], fit["cost_s"]], expected)
    assert fit["misfit"] == pytest.approx(np.abs(terms @ expected - 1).max())


def test_each_ratio_beyond_five_has_the_cause_that_it_was_made_with(cells):
    found = causes(cells).set_index(["method", "size"])["cause"].to_dict()
    assert found == {
        ("factored", 8): "dispatch", ("factored", 32): "dispatch",
        ("jacrev", 8): "dispatch", ("jacrev", 32): "dispatch", ("jacrev", 128): "dispatch",
        ("textbook", 128): "work", ("textbook", 512): "work",
        ("func_grad", 512): None,
    }  # fmt: skip


def test_the_same_work_is_no_cause(cells):
    """func_grad moves the same bytes as autograd at a tenth of its rate: neither work nor memory explains that."""
    same = cells.assign(flops=1000.0, bytes=372.0)
    found = causes(same)
    assert len(found) and not set(found["cause"].dropna()) & {"work", "memory"}


@pytest.mark.parametrize(("more", "expected"), [(1.0, None), (8.0, "memory")])
def test_memory_is_a_cause_only_if_more_is_moved_or_the_bandwidth_is_used(cells, more, expected):
    is_slow = cells["method"] == "func_grad"
    moved = cells.assign(bytes=cells["bytes"].where(~is_slow, more * cells["bytes"]))
    found = causes(moved).set_index(["method", "size"])["cause"]
    assert found["func_grad", 512] is expected or found["func_grad", 512] == expected


def test_an_insight_covers_the_sizes_with_one_cause(frames):
    found = {(it.numbers.get("method"), it.kind): it.numbers for it in cause(view_of(frames))}
    assert set(found) == {
        ("factored", "dispatch"),
        ("jacrev", "dispatch"),
        ("textbook", "work"),
        (None, "not_explained"),
    }
    assert found["jacrev", "dispatch"]["sizes"] == [8, 32, 128]
    textbook = found["textbook", "work"]
    assert textbook["sizes"] == [128, 512]
    assert textbook["row"]["flops"] / textbook["row"]["flops_autograd"] == 38400
    assert found[None, "not_explained"]["methods"] == {"func_grad": [512]}


@pytest.mark.parametrize(("fields", "is_counted"), [({}, False), ({"work": work, "sizes": (512,)}, True)])
def test_without_flops_or_with_one_size_nothing_is_explained(make_run, fields, is_counted):
    run = make_run(grids=((ONE, "W1", "float32"),), truth=truth, **fields)
    (insight,) = cause(view_of(analysis.load([run])))
    assert insight.kind == "not_explained" and "textbook" in insight.numbers["methods"]
    assert insight.numbers["flops_counted"] == is_counted


def test_peak_rates_are_not_needed_to_distinguish_work_from_dispatch(make_run):
    run = make_run(grids=((ONE, "W1", "float32"),), truth=truth, work=work)
    rows = causes(view_of(analysis.load([run])).cells).set_index(["method", "size"])
    assert rows.loc[("textbook", 512), "cause"] == "work"
    assert rows.loc[("jacrev", 8), "cause"] == "dispatch"


def test_an_undecided_ratio_has_no_cause(cells):
    assert causes(cells.assign(verdict="undecided")).empty
