"""The exact derivative of a traced scalar function: a reverse sweep over its graph, written in PyTorch and traced.

The result is a graph like any other, which every arithmetic can evaluate. PyTorch's own backward formulas contain
rounded constants and therefore do not serve.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.utils._pytree import tree_map

from gradiometer.errors import GradiometerError
from gradiometer.graph.derivative.rules import RULES
from gradiometer.graph.evaluate import accumulates, has_cotangent
from gradiometer.graph.operation_kinds import CASTS, LIKES, MOVES, POSITIONS, SPLITS, STORAGE_KEYWORDS
from gradiometer.graph.trace import UnknownOperationError, overload_name, shape_of, trace

Tensor = torch.Tensor


def cotangents_of_move(target: Any, args: Any, kwargs: Any, g: Tensor) -> list[Tensor]:
    """Cotangents of the operands of an operation that moves entries: each entry of g is added at its origin."""
    starts: list[tuple[int, torch.Size]] = []
    filled = 1

    def positions(leaf: Any) -> Any:
        nonlocal filled
        if not isinstance(leaf, Tensor):
            return leaf
        if not has_cotangent(leaf):
            return torch.zeros(leaf.shape, dtype=torch.int64)  # integer operands have no cotangent
        starts.append((filled, leaf.shape))
        filled += leaf.numel()
        return torch.arange(filled - leaf.numel(), filled).reshape(leaf.shape)

    kept = POSITIONS.get(overload_name(target))
    places = [arg if i == kept else tree_map(positions, arg) for i, arg in enumerate(args)]
    index = target(*places, **kwargs).reshape(-1)
    pool = torch.zeros(filled, dtype=g.dtype).index_put((index,), g.reshape(-1), accumulate=True)
    return [pool[start : start + shape.numel()].reshape(shape) for start, shape in starts]


class _Sweep:
    """State of one reverse sweep: the value and the cotangent of each node.

    The cotangent c of a complex value z satisfies dL = Re Σ c dz, so the rules of holomorphic functions are those of
    real ones. PyTorch's gradient is the conjugate of c.

    Only nodes that depend on the inputs `wrt` get a cotangent, so the rest of the graph needs no rules.
    """

    def __init__(self, graph: GraphModule, values: dict[Node, Any], wrt: Sequence[Node]) -> None:
        self.values = values
        self.varying = set(wrt)
        for node in graph.graph.nodes:
            if overload_name(node.target) != "detach" and not self.varying.isdisjoint(node.all_input_nodes):
                self.varying.add(node)
        self.function = graph.meta.get("function", "the function")
        self.cotangents: dict[Node, Any] = {}

    def value(self, argument: Any) -> Any:
        """The value of an argument of a node; lists are handled too."""
        return torch.fx.map_arg(argument, lambda node: self.values[node])

    def send(self, argument: Any, g: Tensor | None) -> None:
        """Add g to the cotangent of a node. Numbers, constants, integers and booleans have no cotangent."""
        if g is None or argument not in self.varying or not has_cotangent(self.values[argument]):
            return
        g = _like(g, self.values[argument])
        self.cotangents[argument] = self.cotangents[argument] + g if argument in self.cotangents else g

    def step(self, node: Node) -> None:
        """Propagate the cotangent of a node to its arguments. Raises UnknownOperationError.

        The cotangent of an operation with several results is a tuple; it has None for a result that is not used.
        """
        g, name = self.cotangents.pop(node), overload_name(node.target)
        args, kwargs = node.args, node.kwargs
        if node.target is operator.getitem:
            of, place = args
            assert isinstance(of, Node)
            self.cotangents.setdefault(of, {})[place] = g
            return
        y = self.values[node]
        if isinstance(g, dict):
            g = tuple(g.get(i) for i in range(len(y)))
        if isinstance(g, tuple) and name in SPLITS:
            parts = [torch.zeros_like(part) if of is None else of for of, part in zip(g, y, strict=True)]
            join, place = (torch.stack, 1) if name.startswith("unbind") else (torch.cat, 2)
            self.send(args[0], join(parts, args[place] if len(args) > place else 0))  # type: ignore[arg-type]
        elif name in RULES and (name != "index_put" or accumulates(name, args)):
            options = {key: self.value(value) for key, value in kwargs.items() if key not in STORAGE_KEYWORDS}
            parts = RULES[name](g, y, *self.value(args), **options)
            for argument, part in zip(args, parts, strict=False):  # the remaining arguments are options such as dims
                self.send(argument, part)
        elif name in CASTS:
            self.send(args[0], g)
        elif name in MOVES and not isinstance(g, tuple):
            sources: list[Node] = []
            torch.fx.map_arg(
                args, lambda source: sources.append(source) if has_cotangent(self.values[source]) else None
            )
            for source, part in zip(sources, cotangents_of_move(node.target, self.value(args), kwargs, g), strict=True):
                self.send(source, part)
        elif name not in LIKES:
            raise UnknownOperationError(f"no exact derivative is known for {node.target} in {self.function}")


def _doubled(value: Any) -> Any:
    """Floating tensors, alone or in lists, as float64 or complex128, so that no operation mixes dtypes."""

    def doubled(leaf: Any) -> Any:
        return leaf.to(torch.complex128 if leaf.is_complex() else torch.float64) if has_cotangent(leaf) else leaf

    return tree_map(doubled, value)


def _like(g: Tensor, value: Tensor) -> Tensor:
    """A cotangent for a real or a complex value: for a real one, Re(g dx) = Re(g) dx."""
    if g.is_complex() == value.is_complex():
        return g
    return g.to(torch.complex128) if value.is_complex() else torch.view_as_real(g.resolve_conj()).select(-1, 0)


def _forward(graph: GraphModule, inputs: Sequence[Tensor]) -> dict[Node, Any]:
    """The value of every node."""
    values: dict[Node, Any] = {}
    arguments = iter(inputs)
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = _doubled(next(arguments))
        elif node.op == "get_attr":
            values[node] = _doubled(getattr(graph, node.target))
        elif node.op == "call_function":
            args = torch.fx.map_arg(node.args, values.__getitem__)
            values[node] = _doubled(node.target(*args, **torch.fx.map_arg(node.kwargs, values.__getitem__)))
    return values


def derivative(graph: GraphModule, inputs: Sequence[Tensor], wrt: Sequence[int]) -> GraphModule:
    """The graph of the derivative of a one-element result with respect to the inputs at the positions `wrt`.

    `inputs` provide the shapes. The graph returns a tuple of float64 tensors (complex128 for complex inputs), for
    any precision of the inputs. Raises UnknownOperationError for an operation without a rule, and GradiometerError for
    a result of more than one element or a complex one.
    """
    result = _only_result(graph)
    if torch.Size(shape_of(result)).numel() != 1:
        raise GradiometerError(f"expected a result of one element, found shape {shape_of(result)}; reduce it")
    if result.meta["val"].is_complex():
        raise GradiometerError("expected a real result, found a complex one; take its real part or its absolute value")
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]

    def gradient(*inputs: Tensor) -> tuple[Tensor, ...]:
        sweep = _Sweep(graph, _forward(graph, inputs), [places[i] for i in wrt])
        sweep.cotangents[result] = torch.ones_like(sweep.values[result])
        for node in reversed(graph.graph.nodes):
            if node.op == "call_function" and node in sweep.cotangents:
                sweep.step(node)
        found = [(places[i], sweep.cotangents.get(places[i])) for i in wrt]
        return tuple(torch.zeros_like(sweep.values[place]) if g is None else g.conj() for place, g in found)

    return trace(gradient, inputs, name=f"the derivative of {graph.meta.get('function', 'the function')}")


def _only_result(graph: GraphModule) -> Node:
    """The node of the only result. Raises GradiometerError for several results."""
    (returned,) = graph.graph.output_node().args
    if isinstance(returned, (tuple, list)) and len(returned) == 1:
        (returned,) = returned
    if not isinstance(returned, Node):
        raise GradiometerError(f"expected one tensor as the result, found {type(returned).__name__}; return one tensor")
    return returned
