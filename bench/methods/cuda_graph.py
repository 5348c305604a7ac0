"""Autograd replayed as a CUDA graph: the time that remains when kernel launches cost nothing."""

from __future__ import annotations

import functools
from functools import partial

import torch

from gradiometer.methods.method import Make, Objective


def cuda_graph(o: Objective) -> Make:
    """Capture torch.autograd.grad once as a CUDA graph, replay it in each call.

    A replay reads the inputs at the addresses of the capture. Training also copies fresh inputs there; that cost is not
    included. Each replay overwrites the same output tensors. The warm-up on a side stream follows PyTorch's notes on
    CUDA semantics. A loss that synchronises raises, because it cannot be captured.
    """
    leaves = o.leaves()
    current, side = torch.cuda.current_stream(), _side_stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(3):
            torch.autograd.grad(o.loss(*leaves), leaves)
    current.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        outputs = torch.autograd.grad(o.loss(*leaves), leaves)
    return lambda: partial(_replay, graph, outputs, o)


@functools.cache
def _side_stream() -> torch.cuda.Stream:
    """One stream per process: the BLAS library keeps a workspace of megabytes for every stream."""
    return torch.cuda.Stream()


def _replay(
    graph: torch.cuda.CUDAGraph, outputs: tuple[torch.Tensor, ...], inputs: Objective
) -> tuple[torch.Tensor, ...]:
    """Replay once. The argument `inputs` keeps the captured tensors alive: the graph holds addresses only."""
    graph.replay()
    return outputs
