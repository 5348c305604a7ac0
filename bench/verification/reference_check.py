"""Checks the exact derivative itself, before forms are compared with it."""

from __future__ import annotations

from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.verification.coverage.places import Places
from gradiometer.verification.float64.compare import compare_float64
from gradiometer.verification.functions import UncheckableError, torch_function
from gradiometer.verification.instance import Wrt


def reference_remarks(places: Places, wrt: Wrt) -> list[str]:
    """Remarks on the derivative that forms are compared with; empty where PyTorch's own derivative agrees with it.

    Where they differ, a difference quotient of the loss decides. If it contradicts the derivation, the instances use
    `torch.autograd` as the reference instead.
    """
    place = places.thorough[0]
    try:
        point = place.usable(wrt)[0]
        function = torch_function(place.problem, wrt)
        found = compare_float64(place, wrt, function, point, "torch's derivative of the loss")
    except (UncheckableError, TraceError, UnknownOperationError):
        return []
    if found is None or found.verdict != "wrong":
        return []
    try:
        contradiction = place.check_derivative(wrt)
    except (UncheckableError, TraceError, UnknownOperationError):
        contradiction = "the loss cannot be evaluated in high precision"
    if contradiction is None:
        return [f"PyTorch's own derivative differs: {found.why}"]
    for one in (*places.thorough, *places.extra, *places.third):
        one.distrust(wrt)
    return ["compared with PyTorch's derivative of the loss, as no exact one is known"]


__all__ = ["reference_remarks"]
