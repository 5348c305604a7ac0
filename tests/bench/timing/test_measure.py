import functools
import importlib

import pytest

from gradiometer.selftest import candidates
from gradiometer.statistics import paired_ratio
from gradiometer.timing import CandidateError, Workers, measure

FEW, MANY = (functools.partial(candidates.repeated, duration="0.5ms", times=times) for times in (5, 15))


BREAKING = """
import os

def fails():
    def call():
        raise ArithmeticError("enough")
    return call

def dies():
    return lambda: os._exit(7)
"""


@pytest.fixture(scope="module")
def breaking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("candidates")
    (folder / "breaking_candidates.py").write_text(BREAKING)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        yield importlib.import_module("breaking_candidates")


@pytest.fixture(scope="module")
def workers(breaking):
    with Workers(2) as two:
        yield two


def test_any_callables_are_measured_in_this_process():
    samples = measure({"few": FEW, "many": lambda: MANY()}, 0.2, processes=1)
    found = paired_ratio(samples, "many", "few")
    assert found.processes == 1
    assert 0 < found.low <= found.ratio <= found.high
    assert {"overhead_s", "interference", "round", "calls"} <= set(samples.columns)


def test_several_processes_each_measure_their_share(workers):
    samples = measure({"few": FEW, "many": MANY}, 0.3, workers=workers)
    assert set(samples["process"]) == {0, 1}
    found = paired_ratio(samples, "many", "few")
    assert (found.processes, found.degrees) == (2, 1)
    assert 0 < found.low <= found.ratio <= found.high


def test_the_baseline_is_the_first_candidate_unless_named(workers):
    samples = measure({"few": FEW, "many": MANY}, 0.2, workers=workers, baseline="many")
    rounds = samples.groupby(["process", "round"])["cell_id"].agg(set)
    assert all("many" in names for names in rounds)


@pytest.mark.parametrize("broken", [lambda: None, functools.partial(candidates.repeated, "0.5ms", 5)])
def test_an_candidate_that_another_process_cannot_import_is_told_in_one_line(broken):
    with pytest.raises(CandidateError, match="expected a function at a module's top level"):
        measure({"few": FEW, "broken": broken}, 0.1, processes=2)


def test_an_candidate_that_fails_or_kills_its_process_costs_itself_alone(workers, breaking):
    all_candidates = {"few": FEW, "fails": breaking.fails, "dies": breaking.dies, "many": MANY}
    samples = measure(all_candidates, 0.4, workers=workers)
    assert set(samples["cell_id"]) == {"few", "many"}
    assert "enough" in samples.attrs["failures"]["fails"]
    assert "exit status 7" in samples.attrs["failures"]["dies"]
    with pytest.raises(KeyError, match="enough"):
        paired_ratio(samples, "fails", "few")
