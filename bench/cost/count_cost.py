"""Cost of a case's methods without timing: operations counted on tensors without data, memory recorded in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gradiometer.cost.counts import Counts
from gradiometer.cost.memory import peak_bytes
from gradiometer.workers.case_instance import CaseInstance

MOST_LOSSES = 256
"""Largest number of loss evaluations for which memory is recorded: recording slows down every operation."""


def count_cost(
    instance: CaseInstance, methods: Sequence[str], counts: Counts, visiting: Callable[[int], None]
) -> dict[str, dict[str, Any]]:
    """Costs by method: `flops`, the entries that a form has `read`, and on the CPU its `peak_memory_bytes`.

    `visiting(index)` is called before a method's code runs.
    """
    where = (instance.problem, instance.case["wrt"], instance.case["dims"])
    flops: dict[str, int | None] = {}
    read: dict[str, int | None] = {}
    peaks: dict[str, int] = {}
    for index, name in enumerate(methods):
        visiting(index)
        flops[name] = counts.of(*where, name)
        if name in instance.forms:
            read[name] = counts.read(*where, name)
        if instance.case["device"] == "cpu" and instance.losses(name) <= MOST_LOSSES:
            with suppress(Exception):  # the method was timed before, so a failure here is no verdict on it
                peaks[name] = peak_bytes(partial(instance.gradient, name))
    return {"flops": flops, "read": read, "peak_memory_bytes": peaks}
