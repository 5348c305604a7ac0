"""Worker processes: killed, stopped, forked, and left by their coordinator."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from gradiometer.problems import load
from gradiometer.template import TEMPLATE
from gradiometer.verification.client import load_request
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess, ask_again, ask_all

FAULTY = """
import os, signal, subprocess, time
from pathlib import Path
from gradiometer import Problem

FLAG = Path(__file__).with_suffix(".flag")

def loss(x):
    return (x * x).sum()

def right(x):
    return 2 * x

def dies_once(x):
    if not FLAG.exists():
        FLAG.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x

def dies(x):
    os.kill(os.getpid(), signal.SIGKILL)

def stops(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    return 2 * x

def forks(x):
    os.fork()
    return 2 * x

def spawns_and_dies(x):
    subprocess.Popen(["sleep", "3600"], close_fds=False)
    os._exit(3)

def spawns(x):
    subprocess.Popen(["sleep", "3600"])
    return 2 * x

def assertion(x):
    raise RuntimeError("CUDA error: device-side assert triggered")

def sleeps(x):
    Path(__file__).with_suffix(".called").touch()
    time.sleep(3600)

forms = (right, dies_once, dies, stops, forks, spawns, spawns_and_dies, assertion, sleeps)
problem = Problem(
    name="faulty", loss=loss, shapes={"x": "n"}, dims={"n": 1.0}, gradients={"x": {f.__name__: f for f in forms}}
)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("faulty") / "faulty.py"
    file.write_text(FAULTY)
    return load(file)


@pytest.fixture(scope="module")
def workers(source):
    found = [WorkerProcess(load_request([source], [])) for _ in range(2)]
    yield found
    for worker in found:
        worker.stop()


@pytest.fixture(autouse=True)
def _fresh(source):
    source.path.with_suffix(".flag").unlink(missing_ok=True)


def score(*methods, seed=0):
    case = {
        "problem": "faulty", "wrt": "x", "dims": {"n": 3}, "dtype": "float32", "device": "cpu", "threads": 1,
        "numerics": "ieee", "cache": "hot",
    }  # fmt: skip
    return {
        "do": "score", "case": case, "data": "uniform", "seed": seed, "methods": methods, "bounded": [],
        "exact_forms": [],
    }  # fmt: skip


def is_gone(pid, within_s=10.0):
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False


def test_a_worker_killed_while_it_waits_is_replaced(workers):
    workers[0].ready()
    os.kill(workers[0].pid, signal.SIGKILL)
    answer, _ = ask_again(workers[0], score("right"), 10.0)
    assert list(answer["gradients"]) == ["right"]


def test_a_worker_restarted_while_several_are_asked_lives_on(workers):
    requests = [score("right", "dies_once"), *(score("right", seed=seed) for seed in range(3))]
    outcomes = dict(ask_all(workers, requests, 10.0))
    assert sorted(outcomes) == [0, 1, 2, 3]
    assert list(outcomes[0][0]["gradients"]) == ["right", "dies_once"]
    pids = [worker.pid for worker in workers]
    for worker in workers:
        worker.ask(score("right"), 10.0)
    assert [worker.pid for worker in workers] == pids


def test_the_answer_to_an_interrupted_request_is_never_taken_for_the_next_ones(workers):
    workers[0].begin(score("right", "dies_once"), 10.0)
    workers[0].poll(0.0)
    answer, _ = workers[0].ask(score("right"), 10.0)
    assert list(answer["gradients"]) == ["right"]


def test_an_unusable_device_ends_the_worker_with_the_reason_and_the_method(workers):
    pid = workers[0].pid
    with pytest.raises(WorkerDied) as caught:
        workers[0].ask(score("right", "assertion"), 10.0)
    assert (caught.value.index, caught.value.status) == (1, "error")
    assert str(caught.value) == "RuntimeError: CUDA error: device-side assert triggered"
    workers[0].ask(score("right"), 10.0)
    assert workers[0].pid != pid


def test_a_stopped_process_is_given_up_after_the_limit_of_a_call(workers):
    with pytest.raises(WorkerDied) as caught:
        workers[0].ask(score("right", "stops"), 0.5)
    assert (caught.value.index, caught.value.status) == (1, "timeout")


def test_processes_that_a_method_starts_neither_answer_nor_outlive_the_worker(workers):
    worker = workers[1]
    worker.ask(score("forks", "spawns"), 10.0)
    answer, _ = worker.ask(score("right"), 10.0)
    assert list(answer["gradients"]) == ["right"]  # not the answer of the fork
    children = psutil.Process(worker.pid).children(recursive=True)
    assert any(child.name() == "sleep" for child in children)
    with pytest.raises(WorkerDied) as caught:  # noticed although the new process holds the channel open
        worker.ask(score("spawns_and_dies"), 10.0)
    assert (caught.value.index, caught.value.status) == (0, "crashed")
    assert all(is_gone(child.pid) for child in children)


COORDINATOR = """
import json, sys
from pathlib import Path
from gradiometer.workers.processes import WorkerProcess

worker = WorkerProcess(json.loads(sys.argv[2]))
worker.ready()
print(worker.pid, flush=True)
worker.begin(%r, 3600.0)
while not Path(sys.argv[1]).with_suffix(".called").exists():
    worker.poll(0.05)
print("called", flush=True)
worker.poll(3600.0)
"""


def test_a_worker_in_a_call_ends_with_its_coordinator(source):
    load_only = json.dumps(load_request([source], []))
    command = [sys.executable, "-c", COORDINATOR % score("sleeps"), str(source.path), load_only]
    coordinator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pid = int(coordinator.stdout.readline())
    try:
        assert coordinator.stdout.readline() == "called\n"
        coordinator.kill()
        coordinator.wait()
        assert is_gone(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_worker_whose_coordinator_is_gone_at_its_start_exits():
    started = "from gradiometer.workers.worker_setup import limit_resources; limit_resources(%d)"
    assert subprocess.run([sys.executable, "-c", started % 1], check=False).returncode == 1


def test_a_worker_takes_no_more_memory_than_its_control_group_has_left():
    program = (
        "import os, torch; from gradiometer.workers import worker_setup\n"
        "worker_setup.available_memory_bytes = lambda: 2**28\n"
        "worker_setup.limit_resources(os.getppid())\n"
        "torch.empty(2**29, dtype=torch.uint8)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 1 and "allocate memory" in done.stderr


def test_a_problem_file_that_changes_meanwhile_is_refused_at_every_request(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TEMPLATE.format(name="mine"))
    changed = load(file)
    file.write_text(file.read_text() + "# changed\n")
    worker = WorkerProcess(load_request([changed], []))
    try:
        for _ in range(2):
            with pytest.raises(WorkerFailed, match="changed while the study was running; start the study again"):
                worker.ready()
    finally:
        worker.stop()
