"""What calls do, read and hold, without timing them: counted on tensors without data, and recorded in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gradiometer.cost.counts import Counts
from gradiometer.cost.memory import peak_bytes
from gradiometer.workers.case_instance import CaseInstance

MOST_LOSSES = 256
"""The memory of a method that evaluates its loss one by one more often is not recorded: each operation costs some."""


def weigh(
    setting: CaseInstance, methods: Sequence[str], counts: Counts, visiting: Callable[[int], None]
) -> dict[str, dict[str, Any]]:
    """Method → its `flops`, the entries that a form has `read`, and, on the CPU, its `peak_memory_bytes`.

    `visiting(index)` is told of every method before its code runs.
    """
    where = (setting.problem, setting.case["wrt"], setting.case["dims"])
    flops: dict[str, int | None] = {}
    read: dict[str, int | None] = {}
    peaks: dict[str, int] = {}
    for index, name in enumerate(methods):
        visiting(index)
        flops[name] = counts.of(*where, name)
        if name in setting.forms:
            read[name] = counts.read(*where, name)
        if setting.case["device"] == "cpu" and setting.losses(name) <= MOST_LOSSES:
            with suppress(Exception):  # it ran before, so this is no verdict on it
                peaks[name] = peak_bytes(partial(setting.gradient, name))
    return {"flops": flops, "read": read, "peak_memory_bytes": peaks}
