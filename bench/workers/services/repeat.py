"""Detection of forms that return stored results: a repeated call must do the work of a call with new inputs.

Three comparisons, each untimed and in the process in which the form was timed:

- A repeated call on the timed inputs runs fewer operations than one on copies of them: it remembers the inputs by
  identity or by address.
- A repeated call on other inputs runs fewer operations than the first call on them: it remembers the inputs by value.
- After other values were written into the timed inputs, a call returns the gradient of the former values.
"""

from __future__ import annotations

from typing import Any

import torch

from gradiometer.graph.modes import DispatchMode
from gradiometer.methods import Call, prepare_form
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import Answer
from gradiometer.workers.outputs import are_equal, copied
from gradiometer.workers.state import WorkerState
from gradiometer.workers.state_guard import StateGuard

OTHER_SEED = TIMED_SEED + 1


class _Counting(DispatchMode):
    """Counts the operations that PyTorch runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def find_stored_results(state: WorkerState, request: dict[str, Any]) -> Answer:
    """`stored`: form → why its result is a stored one, for those of `methods` that store theirs. All are forms."""
    timed = state.instance(request, TIMED_DATA, TIMED_SEED)
    other = state.instance(request, TIMED_DATA, OTHER_SEED)
    found = {}
    guard = StateGuard(timed.inputs)
    for index, name in enumerate(request["methods"]):
        state.watch.enter(index)
        try:
            why = _stored(name, timed, other if other.is_drawn else None)
        except Exception:  # the form failed here, though it did not while it was timed: nothing can be compared
            why = None
        guard.change(everything=True)  # restores the inputs
        if why is not None:
            found[name] = why
    return {"stored": found}, []


def _stored(name: str, timed: CaseInstance, other: CaseInstance | None) -> str | None:
    form = timed.forms[name]
    on_timed = prepare_form(form, timed.inputs)()
    _operations(on_timed)  # a form may compute constants in its first call of a process
    counts = [(_operations(on_timed), _operations(prepare_form(form, _copies(timed.inputs))()))]
    if other is not None:
        on_other = prepare_form(form, other.inputs)()
        first = _operations(on_other)
        counts.append((_operations(on_other), first))
    for repeated, new in counts:
        if repeated < new:
            return f"returns a stored result: a repeated call runs {repeated} operations, one with new inputs {new}"
    if other is None:
        return None
    changed = {key: (other if key in timed.wrt else timed).inputs[key] for key in timed.inputs}
    before, expected = copied(on_timed()), copied(prepare_form(form, _copies(changed))()())
    for key in timed.wrt:
        timed.inputs[key].data.copy_(other.inputs[key])
    after = copied(on_timed())
    if are_equal(after, before) and not are_equal(before, expected):
        return "returns a stored result: a call with changed inputs returns the gradient of the former ones"
    return None


def _copies(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in inputs.items()}


def _operations(call: Call) -> int:
    """The number of operations of one call."""
    counting = _Counting()
    with counting:
        call()
    return counting.count
