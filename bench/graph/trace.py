"""Trace a PyTorch function to a flat graph of aten operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from gradiometer.errors import GradiometerError
from gradiometer.graph.decompositions import DECOMPOSITIONS

BRANCHES = "{} branches on the data (or calls .item()) and cannot be traced"


class TraceError(GradiometerError):
    """A function that is not a fixed graph of operations on its inputs; the message says why, in one line."""


class UnknownOperationError(GradiometerError):
    """An operation for which an arithmetic, or the derivative, has no rule."""


def overload_name(target: Any) -> str:
    """The name of an operation: `mm` for `aten.mm.default`; for a Python function, its own name."""
    packet = getattr(target, "overloadpacket", target)
    return str(getattr(packet, "__name__", packet))


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of the tensor of a traced node."""
    return tuple(node.meta["val"].shape)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _graph_of(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> GraphModule:
    # Fake tensors have shapes and no data: tracing time does not depend on sizes. Tensors of a closure are real.
    traced = make_fx(function, DECOMPOSITIONS, tracing_mode="fake", _allow_non_fake_inputs=True)
    graph = traced(*inputs)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _writes(graph: GraphModule) -> list[Node]:
    """The in-place operations of a graph."""
    schemas = {node: getattr(node.target, "_schema", None) for node in graph.graph.nodes if node.op == "call_function"}
    return [node for node, schema in schemas.items() if schema is not None and schema.is_mutable]


def trace(function: Callable[..., Any], inputs: Sequence[torch.Tensor], name: str | None = None) -> GraphModule:
    """The aten graph of `function(*inputs)`, valid for all inputs of these shapes and dtypes.

    In-place operations are replaced by others; composite operations are decomposed by DECOMPOSITIONS. `name` is the
    function's name in messages. Raises TraceError for random numbers, writes into an input, branches on the data,
    `.item()`, `.numpy()`, and for every exception of the function itself.
    """
    called = name or getattr(function, "__name__", "the function")
    copies = [tensor.detach().clone() for tensor in inputs]
    try:
        graph = _graph_of(function, copies)
        if _writes(graph):
            copies = [tensor.detach().clone() for tensor in inputs]
            graph = _graph_of(torch.func.functionalize(function, remove="mutations"), copies)
    except UnknownOperationError:  # raised by a rule of the derivative, which is traced like any function
        raise
    except Exception as error:
        if "data-dependent" in str(error):
            raise TraceError(BRANCHES.format(called)) from error
        if ".numpy()" in str(error):
            raise TraceError(f"{called} leaves PyTorch (e.g. .numpy()) and cannot be traced") from error
        raise TraceError(f"{called} cannot be traced: {type(error).__name__}: {_first_line(error)}") from error
    for node in _writes(graph):
        if isinstance(target := node.args[0], Node) and target.op == "placeholder":
            raise TraceError(f"{called} writes into an input; compute into a new tensor instead")
        raise TraceError(f"{called} contains the in-place operation {node.target}, which cannot be traced")
    for node in graph.graph.nodes:
        if overload_name(node.target) == "_local_scalar_dense":
            raise TraceError(BRANCHES.format(called))
        if overload_name(node.target).startswith("as_strided") and not node.args[0].meta["val"].is_contiguous():
            raise TraceError(
                f"{called} calls as_strided on a tensor that is not contiguous and cannot be traced; use views instead"
            )
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise TraceError(f"{called} draws random numbers ({overload_name(node.target)}); take them as an input")
    graph.meta["function"] = called
    return graph
