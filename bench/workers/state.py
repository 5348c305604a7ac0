"""What a worker keeps between requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gradiometer.accuracy.bounds import Bounds
from gradiometer.accuracy.gradients import bits_of, digest_of, mismatch
from gradiometer.accuracy.reference import References
from gradiometer.cost.counts import Counts
from gradiometer.machine import numerics
from gradiometer.problems import Problem
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import Watch


class WorkerState:
    """The problems of the study, the caches of the services, and the watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.problems: dict[str, Problem] = {}
        self.references, self.bounds, self.counts = References(), Bounds(), Counts()

    def configure(self, threads: int, products: str) -> None:
        """Set torch's threads and the precision of float32 products in this process."""
        torch.set_num_threads(threads)
        numerics.switch(products)

    def instance(self, request: Mapping[str, Any], data: str, seed: int) -> CaseInstance:
        """The request's case with one draw of its inputs, in the case's configuration."""
        case = request["case"]
        self.configure(case["threads"], case["numerics"])
        return CaseInstance(self.problems[case["problem"]], case, data, seed)


def pack_all(
    gradients: Mapping[str, Sequence[Any]], point: tuple[torch.Tensor, ...], known: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], list[bytes]]:
    """All gradients of each method as `pack` gives one. Those whose hash is `known` have no bytes."""
    returned: dict[str, Any] = {}
    blobs = []
    for name, found in gradients.items():
        returned[name] = []
        for gradient in found:
            why = mismatch(gradient, point)
            hash_ = None if why else digest_of(gradient)
            is_new = why is None and hash_ not in known.get(name, ())
            returned[name].append({"mismatch": why, "hash": hash_, "is_new": is_new})
            if is_new:
                blobs.append(bits_of(gradient))
    return returned, blobs


def pack(gradients: Mapping[str, Any], point: tuple[torch.Tensor, ...]) -> tuple[dict[str, Any], list[bytes]]:
    """Gradients by method as bytes, in the order of the inputs; for one that does not fit the point, the reason."""
    returned, blobs = {}, []
    for name, gradient in gradients.items():
        why = mismatch(gradient, point)
        returned[name] = {"mismatch": why, "hash": None if why else digest_of(gradient)}
        if why is None:
            blobs.append(bits_of(gradient))
    return returned, blobs
