"""Why ratios are large, found again in runs whose overheads, work and peak_rates are known."""

import re

import numpy as np
import pytest
from scipy.optimize import nnls

from gradiometer import analysis
from gradiometer.analysis.insights.explained import costs, explained, sentences
from gradiometer.analysis.work import with_limits

ONE = "linear_autoencoder"
PEAK, BANDWIDTH = 1e11, 1e10
CEILINGS = [
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
def cells(make_run):
    run = make_run(grids=((ONE, "W1", "float32"),), sizes=(8, 32, 128, 512), truth=truth, work=work)
    return with_limits(analysis.load([run]).cells, CEILINGS)


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
    found = explained(cells).set_index(["method", "size"])["cause"].to_dict()
    assert found == {
        ("factored", 8): "dispatch", ("factored", 32): "dispatch",
        ("jacrev", 8): "dispatch", ("jacrev", 32): "dispatch", ("jacrev", 128): "dispatch",
        ("textbook", 128): "work", ("textbook", 512): "work",
        ("func_grad", 512): "memory",
    }  # fmt: skip


def test_a_sentence_covers_the_sizes_of_one_cause_and_tells_the_figures(cells):
    said = sentences(explained(cells))
    assert len(said) == 4
    of = {(words.split()[0], re.search(r"by (\w+):", words)[1]): words for words in said}
    assert re.search(r"at n = 8 to 128, .* overhead of (39|40).* µs against (49|50).* µs", of["jacrev", "dispatch"])
    assert re.search(r"times autograd's time at n = 128 and 512", of["textbook", "work"])
    assert "4.0×10¹⁰ flops against 1.0×10⁶ at n = 512, 38,400 times as much" in of["textbook", "work"]
    assert (
        "it reads and writes 1.50 MiB, which takes 157 µs at this machine's bandwidth, 5% of the call"
        in (of["func_grad", "memory"])
    )
    assert "times as fast as autograd at n = 8 and 32" in of["factored", "dispatch"]


def test_without_flops_or_with_one_size_it_is_said_that_nothing_is_explained(make_run):
    for fields, lacking in (({}, "flops were not counted"), ({"work": work, "sizes": (512,)}, "it takes two sizes")):
        run = make_run(grids=((ONE, "W1", "float32"),), truth=truth, **fields)
        rows = explained(with_limits(analysis.load([run]).cells, None))
        assert rows["cause"].isna().all() and len(rows)
        (said,) = sentences(rows)
        assert lacking in said and "textbook at n = " in said


def test_what_the_machine_can_do_is_not_needed_to_tell_work_from_dispatch(make_run):
    run = make_run(grids=((ONE, "W1", "float32"),), truth=truth, work=work)
    rows = explained(with_limits(analysis.load([run]).cells, None)).set_index(["method", "size"])
    assert rows.loc[("textbook", 512), "cause"] == "work"
    assert rows.loc[("jacrev", 8), "cause"] == "dispatch"
