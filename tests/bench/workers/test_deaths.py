"""Which method a dead worker is blamed on, on workers whose answers and deaths are made up."""

import errno

import numpy as np
import pytest

from gradiometer.accuracy.scoring import Gradient
from gradiometer.problems import shipped
from gradiometer.run import Run
from gradiometer.storage.validate import StoreError
from gradiometer.study import grid, study_file
from gradiometer.workers import case_timing
from gradiometer.workers.case_scoring import score_case
from gradiometer.workers.case_timing import count_cost_of_case, time_case
from gradiometer.workers.channel import NO_CANDIDATE, REFERENCE
from gradiometer.workers.measured_case import MeasuredCase
from gradiometer.workers.processes import WorkerDied, WorkerFailed
from gradiometer.workers.time_limits import LIMITS

METHODS = ["textbook", "factored", "autograd"]
KILLED, EXITED = "its process was killed by signal 9", "its process ended with exit status 7"
STUDY = """
budget_s = 0.1
processes = 2
seeds = 2
[[grid]]
problems = ["linear_autoencoder"]
wrt = ["W1"]
sizes = [2, 3]
methods = ["textbook", "factored", "autograd"]
data = ["uniform", "normal"]
devices = ["cpu"]
"""


class ScriptedWorker:
    """Answers requests by `reply(request)`; what `script` holds comes first: exceptions are raised, None is skipped."""

    awaited = ()

    def __init__(self, reply, *script):
        self.reply, self.script, self.requests = reply, list(script), []

    def ask(self, request, limit_s):
        self.requests.append(request)
        event = self.script.pop(0) if self.script else None
        if event is not None:
            raise event
        return self.reply(request)

    def begin(self, request, limit_s):
        self.begun = (request, limit_s)

    def poll(self, wait_s):
        return self.ask(*self.begun)

    def ready(self):
        pass

    def stop(self):
        pass


def killed(index, how=KILLED):
    return WorkerDied(index, "crashed", how)


def timed(request, failures=()):
    """A worker's share in which every method but those of `failures` has one sample."""
    failed = {name: ["oom", "CUDA out of memory"] for name in failures}
    candidates = [index for index, name in enumerate(request["methods"]) if name not in failed]
    names = [request["methods"][index] for index in candidates]
    columns = {
        "candidate": candidates, "segment": [0] * len(names), "round": [0] * len(names), "position": [0] * len(names),
        "calls": [1] * len(names), "time_s": [1e-5] * len(names), "clock": ["wall"] * len(names),
    }  # fmt: skip
    answer = {
        "samples": columns, "segments": [], "failures": failed, "setup_s": {}, "numerics": {}, "peak_memory_bytes": {},
        "notes": {},
        "gradients": {name: [{"mismatch": None, "hash": f"{name}", "is_new": True}] for name in names},
    }  # fmt: skip
    return answer, [bytes(4)] * len(names)


@pytest.fixture
def plan(tmp_path):
    file = tmp_path / "asked.toml"
    file.write_text(STUDY)
    return grid.plan(study_file.find(str(file)), {"linear_autoencoder": shipped("linear_autoencoder")},
                     grid.Limits({"cpu": 2**33}))  # fmt: skip


@pytest.fixture
def measured(plan):
    case = next(iter(plan.cases.values()))[0].case
    return MeasuredCase("run", case, list(METHODS))


def shares(measured, *scripts, reply=timed):
    workers = [ScriptedWorker(reply, *script) for script in scripts]
    time_case(measured, workers, 1.0, LIMITS)
    return workers


def test_a_worker_that_is_killed_once_costs_nothing(measured):
    first, second = shares(measured, [killed(1)], [killed(NO_CANDIDATE), killed(2)])
    assert measured.failures == {} and measured.lost is None
    assert {name: len(times) for name, times in measured.wall_s.items()} == dict.fromkeys(METHODS, 2)
    assert [len(first.requests), len(second.requests)] == [2, 3]


def test_the_method_in_which_workers_die_twice_is_to_blame_and_no_other(measured):
    shares(measured, [killed(1), killed(1)], [])
    assert measured.failures == {"factored": ("crashed", f"{KILLED} twice while calling factored")}
    assert measured.timed == ["textbook", "autograd"]
    assert all(len(measured.wall_s[name]) == 2 for name in measured.timed)


def test_deaths_before_and_after_a_method_was_blamed_are_counted_apart(measured):
    shares(measured, [killed(0), killed(0), killed(0)])  # textbook twice, then factored once
    assert set(measured.failures) == {"textbook"}


def test_the_reason_names_both_of_two_different_deaths(measured):
    shares(measured, [killed(0, EXITED), killed(0, KILLED)])
    status, reason = measured.failures["textbook"]
    assert status == "crashed" and EXITED in reason and "signal 9" in reason and "twice" not in reason


@pytest.mark.parametrize(("status", "reason"), [("timeout", "a call ran past 4 s"), ("error", "CUDA error: assert")])
def test_a_hang_and_an_unusable_device_are_blamed_at_once(measured, status, reason):
    (worker,) = shares(measured, [WorkerDied(2, status, reason)])
    assert measured.failures == {"autograd": (status, reason)}
    assert [request["methods"] for request in worker.requests] == [METHODS, METHODS[:2]]


@pytest.mark.parametrize("end", [[killed(NO_CANDIDATE)] * 2, [WorkerFailed("oom", "no memory for the inputs")]])
def test_a_share_that_is_lost_without_a_culprit_leaves_the_other_shares(measured, end):
    shares(measured, end, [])
    assert measured.timed == METHODS
    assert [measured.failure_of(name) for name in METHODS] == [None] * 3


def test_without_any_share_all_methods_have_the_reason(measured):
    shares(measured, [killed(NO_CANDIDATE)] * 2)
    assert {measured.failure_of(name) for name in METHODS} == {("crashed", f"{KILLED} twice between calls")}


@pytest.mark.parametrize("released", [0, 2**20])
def test_a_gpu_without_memory_is_tried_again_if_another_worker_held_some(measured, released, monkeypatch):
    monkeypatch.setitem(measured.case.__dict__, "device", "cuda")
    short = iter([["factored"], [], []])

    def reply(request):
        if request["do"] == "release":
            return {"released_bytes": released}, []
        return timed(request, next(short))

    _, other = shares(measured, [], [], reply=reply)
    assert other.requests[0] == {"do": "release"}
    assert ("factored" in measured.failures) == (released == 0)


def test_a_count_that_dies_once_is_asked_again(measured):
    measured.wall_s = {name: [1e-5] for name in METHODS}
    counted = {"flops": {"autograd": 7}, "read": {}, "peak_memory_bytes": {}}
    worker = ScriptedWorker(lambda request: (counted, []), killed(0))
    count_cost_of_case(measured, worker, LIMITS)
    assert measured.flops == {"autograd": 7}


def scored(request):
    """A worker's answer to a draw, with a reference of zeros."""
    gradients = {name: {"mismatch": None, "hash": "x"} for name in request["methods"]}
    answer = {
        "gradients": gradients, "failures": {}, "loss_finite": True, "input_hash": "h", "bounds": [],
        "reference": {"kind": "integer", "radius_ulp": 0.0, "is_reliable": True, "refused": None, "parts": 2},
    }  # fmt: skip
    zeros = np.zeros(entries := 4)
    return answer, [*[bytes(4 * entries)] * len(gradients), zeros.tobytes(), zeros.tobytes()]


def scores(measured, *scripts):
    measured.wall_s = {name: [1e-5] for name in METHODS}
    measured.gradients = {name: [Gradient(bytes(16), "x")] for name in METHODS}
    errors = score_case(measured, [ScriptedWorker(scored, *script) for script in scripts], [], LIMITS)
    assert len(errors) == len(METHODS) * 4
    return {(e.cell_id.rpartition("-")[2], e.data, e.seed): e for e in errors if e.status != "ok"}


@pytest.mark.parametrize("index", [NO_CANDIDATE, REFERENCE, 0, 2])
def test_a_worker_that_is_killed_once_while_scoring_costs_nothing(measured, index):
    assert scores(measured, [killed(index)], [killed(index)]) == {}


def test_a_method_in_which_workers_die_twice_while_scoring_costs_its_own_row(measured):
    failed = scores(measured, [None, killed(1), killed(1)])
    ((method, data, seed), row), = failed.items()  # fmt: skip
    assert (method, row.status, row.reason) == ("factored", "crashed", f"{KILLED} twice while calling factored")
    assert (data, seed) == ("uniform", 1)


def test_a_reference_that_cannot_be_computed_costs_its_own_draw(measured):
    failed = scores(measured, [killed(REFERENCE), killed(REFERENCE)])
    assert {(data, seed) for _, data, seed in failed} == {("uniform", 0)}
    assert {row.reason for row in failed.values()} == {f"no reference: {KILLED} twice"}


@pytest.fixture
def run(plan, tmp_path, monkeypatch):
    """run(reply): a run on such workers."""

    def started(reply):
        monkeypatch.setattr("gradiometer.run.WorkerProcess", lambda load: ScriptedWorker(reply))
        return Run(plan, {"linear_autoencoder": shipped("linear_autoencoder")}, tmp_path / "out", None, "pytest")

    return started


@pytest.mark.parametrize(("index", "larger"), [(NO_CANDIDATE, "crashed"), (0, "skipped")])
def test_larger_sizes_are_skipped_after_a_crash_of_the_method_only(run, index, larger):
    def dies(request):
        raise killed(index)

    one = run(dies)
    for case_id, expected in zip(one.plan.cases, ("crashed", larger), strict=True):
        assert {result.status for result in one.measure(case_id).values()} == {expected}


def test_a_failed_write_ends_the_run_and_measures_nothing_again(run, monkeypatch):
    one = run(lambda request: timed(request) if request["do"] == "time" else scored(request))
    monkeypatch.setattr("gradiometer.run.score_case", lambda *_: [])
    for service in ("count_cost_of_case", "find_stored_results"):
        monkeypatch.setattr(f"gradiometer.run.{service}", lambda *_: None)
    timings = []
    monkeypatch.setattr("gradiometer.run.time_case", lambda *a: timings.append(case_timing.time_case(*a)))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    first, second = one.plan.cases
    one.measure(first)
    monkeypatch.setattr("os.fsync", full)
    for case_id in (second, second, first):
        with pytest.raises(StoreError, match="No space left on device"):
            one.measure(case_id)
    assert len(timings) == 2
