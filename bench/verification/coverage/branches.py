"""Which sides of the branches in a loss and a form the points have visited, and points that visit the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.fx import GraphModule, Interpreter, Node

from gradiometer.graph.trace import overload_name
from gradiometer.verification.sample_points import Point

Side = str
COMPARISONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
LONGEST = 60
"""Most characters of an expression in a remark."""


def _both(one: torch.Tensor, first: Side, second: Side) -> set[Side]:
    return {side for side, is_seen in ((first, one.any()), (second, (~one).any())) if is_seen}


def _sides_of_clamp(result: Any, x: torch.Tensor, low: Any = None, high: Any = None) -> set[Side]:
    found = set()
    if low is not None:
        found |= {"below"} if (x < low).any() else set()
    if high is not None:
        found |= {"above"} if (x > high).any() else set()
    if (x == result).any():
        found |= {"inside"}
    return found


WATCHED: Mapping[str, Callable[..., set[Side]]] = {
    **{name: lambda result, *_: _both(result, "holds", "fails") for name in COMPARISONS},
    "clamp": _sides_of_clamp,
    "relu": lambda result, x, *_: _both(x > 0, "holds", "fails"),
    "abs": lambda result, x, *_: _both(x >= 0, "holds", "fails"),
    "sign": lambda result, x, *_: _both(x >= 0, "holds", "fails"),
    "maximum": lambda result, a, b, *_: _both(torch.as_tensor(a >= b), "holds", "fails"),
    "minimum": lambda result, a, b, *_: _both(torch.as_tensor(a <= b), "holds", "fails"),
}
"""Operation with branches → its visited sides, from its result and its arguments."""


def _expected(node: Node) -> set[Side]:
    if overload_name(node.target) != "clamp":
        return {"holds", "fails"}
    bounds = dict(zip(("below", "above"), (*node.args[1:], None, None), strict=False))
    found = {side for side, bound in bounds.items() if bound is not None and bound not in (math.inf, -math.inf)}
    return found | {"inside"}


class _Watching(Interpreter):
    """Runs a graph in float64 and notes the visited sides of each branch that depends on a floating input."""

    def __init__(self, graph: GraphModule, watched: Sequence[Node]) -> None:
        super().__init__(graph)
        self._watched = set(watched)
        self.seen: dict[Node, set[Side]] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n in self._watched:
            args, _ = self.fetch_args_kwargs_from_env(n)
            self.seen[n] = WATCHED[overload_name(n.target)](result, *args)
        return result


def branches_of(graph: GraphModule) -> list[Node]:
    """The nodes with branches whose operands depend on a floating input."""
    varying: set[Node] = set()
    found = []
    for node in graph.graph.nodes:
        value = node.meta.get("val")
        is_floating = isinstance(value, torch.Tensor) and value.is_floating_point()
        sources = [source for source in node.all_input_nodes if source in varying]
        if node.op == "placeholder" and is_floating:
            varying.add(node)
        if sources:
            varying.add(node)
            if overload_name(node.target) in WATCHED and any(_is_floating(source) for source in sources):
                found.append(node)
    return found


def _is_floating(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()


@dataclass
class Branches:
    """The branches of some graphs (each with the names of its inputs) and the sides that have not been visited."""

    graphs: Sequence[GraphModule]
    names: Sequence[str]
    unvisited: dict[Node, set[Side]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._nodes = [branches_of(graph) for graph in self.graphs]
        self.unvisited = {node: _expected(node) for nodes in self._nodes for node in nodes}

    def visit(self, point: Point) -> None:
        """Take the sides that a point visits off the list."""
        for node, sides in self._sides(point):
            self.unvisited[node] -= sides

    def adds(self, point: Point) -> bool:
        """Whether a point visits a side that no other has visited."""
        return any(self.unvisited[node] & sides for node, sides in self._sides(point))

    def is_open(self) -> bool:
        """Whether some side has not been visited."""
        return any(self.unvisited.values())

    def _sides(self, point: Point) -> Iterator[tuple[Node, set[Side]]]:
        for graph, nodes in zip(self.graphs, self._nodes, strict=True):
            if not any(self.unvisited[node] for node in nodes):
                continue
            watching = _Watching(graph, nodes)
            try:
                with torch.no_grad():
                    watching.run(*point.tensors, enable_io_processing=False)
            except Exception:  # an input outside an operation's domain
                continue
            yield from watching.seen.items()

    def remark(self) -> str | None:
        """The sides that no point visited, in words; None where all were visited."""
        found: dict[str, None] = {}
        for graph, nodes in zip(self.graphs, self._nodes, strict=True):
            places = [node for node in graph.graph.nodes if node.op == "placeholder"]
            names = dict(zip(places, self.names, strict=False))
            for node in nodes:
                for side in sorted(self.unvisited[node]):
                    found.setdefault(_condition(node, side, names))
        if not found:
            return None
        listed = list(found)
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        return f"not visited by any point: {', '.join(listed[:3])}{more}"


def _condition(node: Node, side: Side, names: Mapping[Node, str]) -> str:
    """The condition under which a side is taken."""
    name = overload_name(node.target)
    one = _spelled(node.args[0], names)
    if name == "clamp":
        low, high = (*node.args[1:], None, None)[:2]
        if side == "inside":
            return f"{_spelled(low, names)} < {one} < {_spelled(high, names)}"
        return f"{one} < {_spelled(low, names)}" if side == "below" else f"{one} > {_spelled(high, names)}"
    if name in ("relu", "abs", "sign"):
        return f"{one} > 0" if side == "holds" else f"{one} < 0"
    other = _spelled(node.args[1], names)
    relation = {**COMPARISONS, "maximum": ">=", "minimum": "<="}[name]
    opposite = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
    return f"{one} {relation if side == 'holds' else opposite[relation]} {other}"


def _spelled(argument: Any, names: Mapping[Node, str], depth: int = 3) -> str:
    """An argument as a short expression."""
    if argument is None:
        return "∞"
    if not isinstance(argument, Node):
        return f"{argument:g}" if isinstance(argument, (int, float)) else "…"
    if argument in names:
        return names[argument]
    if depth == 0 or argument.op != "call_function":
        return "…"
    name = overload_name(argument.target)
    parts = [_spelled(part, names, depth - 1) for part in argument.args if isinstance(part, (Node, int, float))]
    infix = {"mm": "@", "add": "+", "sub": "-", "mul": "*", "div": "/"}.get(name)
    if infix and len(parts) >= 2:
        text = f"({parts[0]} {infix} {parts[1]})"
    elif name in ("view", "expand", "clone", "alias", "_unsafe_view", "unsqueeze", "squeeze", "_to_copy"):
        text = parts[0]
    else:
        text = f"{name}({parts[0] if parts else ''})"
    return text if len(text) <= LONGEST else "…"
