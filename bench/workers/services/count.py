"""Costs without timing: operations, memory, and the peak rates of the machine."""

from __future__ import annotations

from typing import Any

from gradiometer.cost.count_cost import count_cost
from gradiometer.machine.peak_rates import peak_rates
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED
from gradiometer.workers.channel import Answer
from gradiometer.workers.state import WorkerState


def flops_of_methods(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Operations of a call of each method, counted without data."""
    case = request["case"]
    where = (state.problems[case["problem"]], case["wrt"], case["dims"])
    return {"flops": {name: state.counts.of(*where, name) for name in request["methods"]}}, []


def cost_of_methods(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Operations, entries read and peak memory of a call of each method."""
    instance = state.instance(request, TIMED_DATA, TIMED_SEED)
    return count_cost(instance, request["methods"], state.counts, state.watch.enter), []


def rates_of_machine(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Peak rates of this machine in one configuration."""
    state.watch.enter(0)
    state.configure(request["threads"], request["numerics"])
    return dict(peak_rates(request["device"], request["dtypes"])), []
