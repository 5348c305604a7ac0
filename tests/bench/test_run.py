"""A real run that gets SIGTERM, and what its processes measured until then."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gradiometer.storage.tables import read_table

STUDY = """
processes = 2
budget_s = 0.2
seeds = 1
[[grid]]
problems = ["linear_autoencoder"]
wrt = ["W1"]
sizes = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
methods = ["textbook", "factored", "autograd", "backward", "jacobian", "func_grad", "func_vjp", "jacrev"]
data = ["uniform"]
devices = ["cpu"]
"""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that got SIGTERM after its first case, and the processes that were its children then."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "asked.toml").write_text(STUDY)
    options = ["--benchmark-only", f"--study={folder / 'asked.toml'}", f"--study-out={folder / 'out'}"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    run = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=alone, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 100
        while not any('"kind":"case"' in journal.read_text() for journal in (folder / "out").glob("*/journal.jsonl")):
            assert run.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGTERM)
        run.wait(60)
    finally:
        run.kill()
    (run_folder,) = (folder / "out").iterdir()
    return run_folder, children


def test_a_run_that_gets_sigterm_leaves_its_tables_and_no_process(stopped):
    folder, children = stopped
    assert len(children) == 2
    assert psutil.wait_procs(children, 10)[1] == []
    assert json.loads((folder / "run.json").read_text())["state"] == "interrupted"
    statuses = read_table(folder, "cells").groupby("size", observed=True)["status"].agg(set)
    assert statuses.iloc[0] == {"ok"}
    assert statuses.iloc[-1] == {"interrupted"}


def test_each_process_visits_the_methods_in_an_order_of_its_own(stopped):
    folder, _ = stopped
    samples = read_table(folder, "samples")
    first = samples[samples["case_id"] == samples["case_id"].iloc[0]]
    first = first[~first["cell_id"].str.endswith("-autograd")]  # the baseline is visited several times
    orders = []
    for _, share in first.groupby("process"):
        one_round = share[share["round"] == share["round"].min()].sort_values("position")
        assert len(one_round) == 7
        orders.append(list(one_round["cell_id"]))
    assert orders[0] != orders[1]
