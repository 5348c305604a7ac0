"""Mistakes in a sum: a term that is missing, extra or of the wrong sign, and an assumed symmetry.

The terms of the exact derivative are the nodes of its graph. One rule compares the difference with every node of the
same shape; another evaluates the graph with one operand of one sum left out or negated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Interpreter, Node

from gradiometer.graph.trace import overload_name
from gradiometer.verification.diagnosis.scale_factors import is_close, name_factor
from gradiometer.verification.differences import Array
from gradiometer.verification.equality import Comparison
from gradiometer.verification.functions import UncheckableError, call_on_copies

CLOSE = 1e-8
LONGEST = 160
"""Most characters of a term in a message."""


def _spelled(node: Any, names: dict[Node, str], room: int = LONGEST) -> str:
    """A node of a graph as an expression in the names of the inputs; … replaces what is longer than `room`."""
    if not isinstance(node, Node):
        return f"{node:g}" if isinstance(node, float) else str(node)
    if node in names:
        return names[node]
    if room <= 0 or node.op != "call_function":
        return "…"
    operation = overload_name(node.target)
    parts = [
        _spelled(argument, names, room // 2 - 4) for argument in node.args if not isinstance(argument, (list, tuple))
    ]
    infix = {"mm": " @ ", "add": " + ", "sub": " - ", "mul": " * ", "div": " / "}.get(operation)
    if infix and len(parts) == 2:
        return f"({parts[0]}{infix}{parts[1]})"
    if operation in ("t", "permute", "transpose"):
        return f"{parts[0]}.T"
    if operation in ("view", "expand", "clone", "alias", "_unsafe_view", "unsqueeze", "squeeze"):
        return parts[0]
    return f"{operation}({', '.join(parts)})"


def _names(comparison: Comparison, graph: GraphModule) -> dict[Node, str]:
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]
    return dict(zip(places, comparison.instance.names, strict=True))


def _is_same(one: Array, other: Array) -> bool:
    size = float(np.max(np.abs(other), initial=0.0))
    return one.shape == other.shape and size > 0 and bool((np.abs(one - other) <= CLOSE * size).all())


def _values(graph: GraphModule, tensors: Sequence[torch.Tensor]) -> dict[str, Any]:
    """The value of every node in float64, by the node's name."""
    kept: dict[str, Any] = {}

    class Keeping(Interpreter):
        def run_node(self, n: Node) -> Any:
            kept[n.name] = super().run_node(n)
            return kept[n.name]

    with torch.no_grad():
        Keeping(graph).run(*tensors, enable_io_processing=False)
    return kept


def _ratio(gap: Array, value: Any, is_turned: bool) -> float | None:
    """The factor c with gap = c · value (or its transpose); None where there is none or it is 0."""
    if not isinstance(value, torch.Tensor) or (is_turned and value.dim() != 2):
        return None
    term = (value.T if is_turned else value).double().numpy()
    size = float(np.max(np.abs(term), initial=0.0))
    if gap.shape != term.shape or gap.size < 2 or size == 0 or not np.isfinite(size):  # one entry fits anything
        return None
    place = np.unravel_index(int(np.argmax(np.abs(term))), term.shape)
    ratio = float(gap[place] / term[place])
    return ratio if ratio and (np.abs(gap - ratio * term) <= CLOSE * abs(ratio) * size).all() else None


def proportional_term(wrt: tuple[str, ...], gaps: Sequence[Array], evidence: Sequence[Comparison]) -> str | None:
    """The difference is a multiple of one term: an input, or any node of the exact derivative."""
    graphs = [comparison.instance.exact(wrt).graph for comparison in evidence]
    kept = [_values(graph, comparison.point.tensors) for graph, comparison in zip(graphs, evidence, strict=True)]
    names = _names(evidence[0], graphs[0])
    dims = [comparison.instance.dims for comparison in evidence]
    for node in graphs[0].graph.nodes:
        for is_turned in (False, True):
            found = [_ratio(gap, values.get(node.name), is_turned) for gap, values in zip(gaps, kept, strict=True)]
            ratios = [ratio for ratio in found if ratio is not None]
            if len(ratios) == len(gaps):
                return _of_term(_spelled(node, names) + ".T" * is_turned, ratios, dims)
    return None


def _of_term(term: str, ratios: Sequence[float], dims: Sequence[dict[str, int]]) -> str:
    written, _ = name_factor(ratios, dims)
    if all(is_close(ratio, -1.0) for ratio in ratios):
        return f"a term is missing: {term}"
    if all(is_close(ratio, 1.0) for ratio in ratios):
        return f"an extra term: {term}"
    return f"a term is missing, extra, or of the wrong sign: the difference is {written} times {term}"


def _alterations(graph: GraphModule) -> Iterator[tuple[Node, str, Callable[..., torch.Tensor]]]:
    """Every sum of two values, with each mistake in it: how the mistake is worded, and what it computes."""
    for node in graph.graph.nodes:
        name = overload_name(node.target) if node.op == "call_function" else ""
        if name not in ("add", "sub") or not any(isinstance(argument, Node) for argument in node.args[:2]):
            continue
        sign = 1 if name == "add" else -1
        yield node, "as if the first term were missing", lambda a, b, s=sign: 0 * a + s * b
        yield node, "as if the second term were missing", lambda a, b, s=sign: a + 0 * b
        yield node, "as if the first term had the other sign", lambda a, b, s=sign: -a + s * b
        yield node, "as if the second term had the other sign", lambda a, b, s=sign: a - s * b


def altered_term(first: Comparison, wrt: tuple[str, ...], i: int, found: Array) -> str | None:
    """The gradient equals the exact derivative with one mistake in one of its sums."""
    graph = first.instance.exact(wrt).graph
    names = _names(first, graph)
    for node, words, mistake in _alterations(graph):

        class Altered(Interpreter):
            def run_node(self, n: Node, at: Node = node, mistake: Callable[..., torch.Tensor] = mistake) -> Any:
                if n is not at:
                    return super().run_node(n)
                args, _ = self.fetch_args_kwargs_from_env(n)
                return mistake(*args[:2])

        with torch.no_grad():
            results = Altered(graph).run(*first.point.tensors, enable_io_processing=False)
        if _is_same(results[i].double().numpy(), found):
            return f"{words} in {_spelled(node, names)}"
    return None


def symmetric_only(first: Comparison, wrt: tuple[str, ...], i: int, function: Callable[..., Any]) -> str | None:
    """The gradient is right where a square input that it is with respect to is symmetric, and wrong elsewhere."""
    graph = first.instance.exact(wrt).graph
    for name, tensor in first.point.inputs.items():
        if name not in wrt or tensor.dim() != 2 or tensor.shape[0] != tensor.shape[1] or len(tensor) < 2:
            continue
        changed = {**first.point.inputs, name: (tensor + tensor.T) / 2}
        try:
            with torch.no_grad():
                found = call_on_copies(function, tuple(changed.values()), tuple(changed), "the form")[i]
                truth = graph(*changed.values())[i]
        except UncheckableError:  # a symmetric matrix may break a constraint on this input
            continue
        if _is_same(found.detach().double().numpy(), truth.double().numpy()):
            return f"right only where {name} is symmetric"
    return None
