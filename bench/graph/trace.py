"""Trace a PyTorch function to a flat graph of aten operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node
from torch.fx._lazy_graph_module import _make_graph_module, _use_lazy_graph_module
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_leaves

from gradiometer.errors import GradiometerError
from gradiometer.graph.decompositions import DECOMPOSITIONS
from gradiometer.graph.recording import Recorder, by_definition, record

aten: Any = torch.ops.aten

BRANCHES = "{} branches on the data (or calls .item()) and cannot be traced"
MOST_ENTRIES = 2**16
"""Largest number of entries of the inputs for which a function is recorded with data."""
MOST_PASSES = 3
"""Passes that remove in-place operations; a decomposition may contain another one."""


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


def trace(
    function: Callable[..., Any], inputs: Sequence[torch.Tensor], name: str | None = None, at_point: bool = False
) -> GraphModule:
    """The aten graph of `function(*inputs)`, valid for all inputs of these shapes and dtypes.

    In-place operations are replaced by others; composite operations are decomposed by DECOMPOSITIONS. `name` is the
    function's name in messages. Raises TraceError for random numbers, writes into an input, `.numpy()` and the like,
    and for every exception of the function itself.

    A function that branches on the data, or reads numbers by `.item()`, raises TraceError too. With `at_point`, its
    graph is the one at these inputs: numbers that it read are constants, `meta["branches_on_data"]` is true, and
    `meta["reads_numbers"]` tells whether it read floats.
    """
    called = name or str(getattr(function, "__name__", "the function"))
    try:
        recorder = _recorded(function, inputs, called, at_point)
        recorder.graph.eliminate_dead_code(_has_effect)
        with _use_lazy_graph_module(True):  # evaluation interprets the graph; its code is seldom needed
            graph = _make_graph_module(recorder.root, recorder.graph)
        if recorder.writes:
            graph = _without_writes(graph, inputs)
    except (TraceError, UnknownOperationError):  # a rule of the derivative raises the latter and is traced too
        raise
    except Exception as error:
        raise TraceError(f"{called} cannot be traced: {type(error).__name__}: {_first_line(error)}") from error
    for node in _writes(graph):
        raise TraceError(f"{called} contains the in-place operation {node.target}, which cannot be traced")
    for node in graph.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):  # and its result is used
            raise TraceError(f"{called} draws random numbers ({overload_name(node.target)}); take them as an input")
        if overload_name(node.target).startswith("as_strided") and not node.args[0].meta["val"].is_contiguous():
            raise TraceError(
                f"{called} calls as_strided on a tensor that is not contiguous and cannot be traced; use views instead"
            )
    graph.meta["function"] = called
    graph.meta["branches_on_data"] = recorder.branches_on_data
    graph.meta["reads_numbers"] = recorder.reads_numbers
    return graph


def _recorded(function: Callable[..., Any], inputs: Sequence[torch.Tensor], called: str, at_point: bool) -> Recorder:
    """The record of one call on copies of the inputs. Raises TraceError, and what the function raises."""
    with_data = sum(tensor.numel() for tensor in inputs) <= MOST_ENTRIES
    copies = [tensor.detach().clone() for tensor in inputs]
    try:
        recorder, returned = record(function, copies, with_data)
    except Exception as error:
        if with_data or "data-dependent" not in str(error).lower():
            raise
        recorder, returned = record(function, copies)
    if recorder.outside is not None:
        raise TraceError(f"{called} leaves PyTorch ({recorder.outside}) and cannot be traced")
    if recorder.branches_on_data and not at_point:
        raise TraceError(BRANCHES.format(called))
    if any(copy._version for copy in copies):
        raise TraceError(f"{called} writes into an input; compute into a new tensor instead")
    if not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(returned)):
        raise TraceError(f"{called} returns {type(returned).__name__}; expected a tensor")
    return recorder


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _is_write(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None) if node.op == "call_function" else None
    return schema is not None and bool(schema.is_mutable)


def _has_effect(node: Node) -> bool:
    """Whether a node matters although nothing uses its result."""
    return node.op in ("placeholder", "output") or _is_write(node)


def _writes(graph: GraphModule) -> list[Node]:
    """The in-place operations of a graph."""
    return [node for node in graph.graph.nodes if _is_write(node)]


def _without_writes(graph: GraphModule, inputs: Sequence[torch.Tensor]) -> GraphModule:
    """The graph with its in-place operations replaced by others; writes into constants end with the call."""
    for _ in range(MOST_PASSES):
        module, values = _lifted(graph)
        functional = torch.func.functionalize(module, remove="mutations")
        with torch.no_grad(), by_definition():
            traced = make_fx(functional, DECOMPOSITIONS, tracing_mode="fake", _allow_non_fake_inputs=True)
            graph = traced(*(tensor.detach().clone() for tensor in inputs), *(value.clone() for value in values))
        _lower(graph, len(inputs), values)
        graph.graph.eliminate_dead_code(_has_effect)
        graph.recompile()
        if not _writes(graph):
            break
    return graph


def _lifted(graph: GraphModule) -> tuple[GraphModule, list[torch.Tensor]]:
    """The graph with its constants as further inputs, and their values."""
    copied = Graph()
    names = [node.target for node in graph.graph.nodes if node.op == "get_attr"]
    places: dict[Any, Node] = {}
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            places[node] = copied.node_copy(node)
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            places[node] = copied.placeholder(f"lifted_{node.name}")
    for node in graph.graph.nodes:
        if node.op not in ("placeholder", "get_attr"):
            places[node] = copied.node_copy(node, places.__getitem__)
    return GraphModule(torch.nn.Module(), copied), [getattr(graph, str(name)) for name in names]


def _lower(graph: GraphModule, count: int, values: Sequence[torch.Tensor]) -> None:
    """Make the inputs after the first `count` constants again, and drop what is written back into them."""
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and node.target is aten.copy_.default and node.args[0] in places:
            node.replace_all_uses_with(node.args[1])
            graph.graph.erase_node(node)
    for i, (place, value) in enumerate(zip(places[count:], values, strict=True)):
        name = f"lowered{i}"
        graph.register_buffer(name, value)
        with graph.graph.inserting_before(place):
            constant = graph.graph.get_attr(name)
        constant.meta["val"] = place.meta["val"]
        place.replace_all_uses_with(constant)
        graph.graph.erase_node(place)
