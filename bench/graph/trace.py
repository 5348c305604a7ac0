"""A function in ordinary torch becomes a flat graph of aten operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from gradiometer.errors import GradiometerError
from gradiometer.graph.decompositions import DECOMPOSITIONS

BY_DATA = "{} depends on the data by a branch or by .item(), so it is no fixed graph"


class TraceError(GradiometerError):
    """A function that is no fixed graph of operations on its inputs; the message says why, in one line."""


class UnknownOperationError(NotImplementedError):
    """An operation that an arithmetic, or the reverse sweep, has no rule for."""


def overload_name(target: Any) -> str:
    """`mm` of aten.mm.default; a plain function's own name."""
    packet = getattr(target, "overloadpacket", target)
    return str(getattr(packet, "__name__", packet))


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of a traced node's tensor."""
    return tuple(node.meta["val"].shape)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _graph_of(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> GraphModule:
    # fake mode computes shapes alone, so that a large graph costs no more than a small one
    traced = make_fx(function, DECOMPOSITIONS, tracing_mode="fake", _allow_non_fake_inputs=True)  # a closure's own
    graph = traced(*inputs)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _writes(graph: GraphModule) -> bool:
    schemas = [getattr(node.target, "_schema", None) for node in graph.graph.nodes if node.op == "call_function"]
    return any(schema is not None and schema.is_mutable for schema in schemas)


def trace(function: Callable[..., Any], inputs: Sequence[torch.Tensor], name: str | None = None) -> GraphModule:
    """The aten graph of `function(*inputs)`: what it computes for any inputs of these shapes and dtypes.

    In-place code is rewritten without writes. Composite operations are broken up by DECOMPOSITIONS. `name` is what
    messages call the function. Raises TraceError for randomness inside, writes into an input, and what cannot be traced
    (a branch on data, `.item()`); whatever else the function itself raises comes as a TraceError too.
    """
    called = name or getattr(function, "__name__", "the function")
    copies = [tensor.detach().clone() for tensor in inputs]
    try:
        graph = _graph_of(function, copies)
        if _writes(graph):
            copies = [tensor.detach().clone() for tensor in inputs]
            graph = _graph_of(torch.func.functionalize(function, remove="mutations"), copies)
    except UnknownOperationError:  # of the reverse sweep, which is traced like any function
        raise
    except Exception as error:
        if "data-dependent" in str(error):
            raise TraceError(BY_DATA.format(called)) from error
        if ".numpy()" in str(error):
            raise TraceError(f"{called} reads its data outside of torch, where no graph follows it") from error
        raise TraceError(f"{called} cannot be traced: {type(error).__name__}: {_first_line(error)}") from error
    if _writes(graph):
        raise TraceError(f"{called} writes into an input; compute into a new tensor instead")
    for node in graph.graph.nodes:
        if overload_name(node.target) == "_local_scalar_dense":
            raise TraceError(BY_DATA.format(called))
        if overload_name(node.target).startswith("as_strided") and not node.args[0].meta["val"].is_contiguous():
            raise TraceError(f"{called} takes strides of a tensor that is not contiguous; use views instead")
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise TraceError(f"{called} draws random numbers ({overload_name(node.target)}); take them as an input")
    graph.meta["function"] = called
    return graph
