import functools
import gc
import importlib
import time

import pytest

from gradiometer.selftest import candidates
from gradiometer.statistics import paired_ratio
from gradiometer.timing import CandidateError, Workers, clocks, measure

FEW, MANY = (functools.partial(candidates.repeated, duration="50us", times=times) for times in (5, 15))


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


def test_a_known_ratio_is_measured_in_this_process_from_any_callables(monkeypatch):
    """15 repetitions of an operation take 3 times as long as 5, in processor time even on a busy machine."""
    monkeypatch.setattr(clocks, "perf_counter_ns", time.thread_time_ns)
    samples = measure({"few": FEW, "many": lambda: MANY()}, 0.6, processes=1)
    found = paired_ratio(samples, "many", "few")
    assert found.processes == 1
    assert 0 < found.low <= found.ratio <= found.high
    assert 3 / 1.4 < found.ratio < 3 * 1.4
    assert {"overhead_s", "interference", "round", "calls"} <= set(samples.columns)


def test_several_processes_each_measure_their_share(workers):
    samples = measure({"few": FEW, "many": MANY}, 0.3, workers=workers)
    assert set(samples["process"]) == {0, 1}
    found = paired_ratio(samples, "many", "few")
    assert (found.processes, found.df) == (2, 1)
    assert 0 < found.low <= found.ratio <= found.high


def test_the_overhead_of_an_empty_call_is_subtracted_from_a_ratio(machine):
    machine.overhead_s = 10e-6
    samples = measure(machine.taking(first=10e-6, second=20e-6), 0.5, processes=1)
    assert paired_ratio(samples, "second", "first").ratio == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_measuring_in_this_process_restores_garbage_collection(machine, enabled, frozen):
    def state():
        return gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0  # a frozen object may still die

    gc.unfreeze()
    before_test = gc.get_threshold()
    try:
        gc.set_threshold(123, 7, 3)
        (gc.enable if enabled else gc.disable)()
        if frozen:
            gc.freeze()
        before = state()
        measure(machine.taking(first=10e-6, second=20e-6), 0.05, processes=1)
        assert state() == before
    finally:
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*before_test)


def test_the_baseline_is_the_first_candidate_unless_named(workers):
    samples = measure({"few": FEW, "many": MANY}, 0.2, workers=workers, baseline="many")
    rounds = samples.groupby(["process", "round"])["cell_id"].agg(set)
    assert all("many" in names for names in rounds)


@pytest.mark.parametrize("broken", [lambda: None, functools.partial(candidates.repeated, "0.5ms", 5)])
def test_a_candidate_that_another_process_cannot_import_is_refused(broken):
    with pytest.raises(CandidateError, match="expected a function at a module's top level"):
        measure({"few": FEW, "broken": broken}, 0.1, processes=2)


def test_a_candidate_that_fails_or_kills_its_process_affects_no_other(workers, breaking):
    mixed = {"few": FEW, "fails": breaking.fails, "dies": breaking.dies, "many": MANY}
    samples = measure(mixed, 0.4, workers=workers)
    assert set(samples["cell_id"]) == {"few", "many"}
    assert "enough" in samples.attrs["failures"]["fails"]
    assert "exit status 7" in samples.attrs["failures"]["dies"]
    with pytest.raises(KeyError, match="enough"):
        paired_ratio(samples, "fails", "few")


@pytest.mark.parametrize(("names", "baseline"), [((), None), (("few",), "many")])
def test_a_missing_baseline_is_refused(names, baseline):
    with pytest.raises(CandidateError, match="expected"):
        measure(dict.fromkeys(names, FEW), 0.1, processes=1, baseline=baseline)


def test_candidates_that_all_fail_have_reasons_and_no_samples(breaking):
    samples = measure({"fails": breaking.fails}, 0.05, processes=1)
    assert samples.empty
    assert "enough" in samples.attrs["failures"]["fails"]
