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
from gradiometer.verification.diagnosis.evidence import CLOSE, Evidence, Part, is_same
from gradiometer.verification.diagnosis.scale_factors import is_close, name_factor
from gradiometer.verification.differences import Array
from gradiometer.verification.equality import Comparison
from gradiometer.verification.functions import UncheckableError, call_on_copies

Mistake = Callable[..., torch.Tensor]
LEAST_ENTRIES = 3
"""Fewest entries, over all points, that a term or factor must fit."""
LONGEST = 160
"""Most characters of a term in a message."""


def spelled(node: Any, names: dict[Node, str]) -> str | None:
    """A node of a graph as an expression in the names of the inputs; None where it is too long to help."""
    text = _spelled(node, names, LONGEST)
    return None if "…" in text else text


def _spelled(node: Any, names: dict[Node, str], room: int) -> str:
    """The expression; … replaces what is longer than `room`."""
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


def names_of(comparison: Comparison, graph: GraphModule) -> dict[Node, str]:
    """The names of the inputs, by their nodes in a graph."""
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]
    return dict(zip(places, comparison.instance.names, strict=True))


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
    if not isinstance(value, torch.Tensor) or value.is_complex() or (is_turned and value.dim() != 2):
        return None
    term = (value.T if is_turned else value).double().numpy()
    size = float(np.max(np.abs(term), initial=0.0))
    if gap.shape != term.shape or size == 0 or not np.isfinite(size):
        return None
    place = np.unravel_index(int(np.argmax(np.abs(term))), term.shape)
    ratio = float(gap[place] / term[place])
    return ratio if ratio and (np.abs(gap - ratio * term) <= CLOSE * abs(ratio) * size).all() else None


def _is_enough(evidence: Evidence) -> bool:
    """Whether there are enough entries that a term cannot fit them by chance."""
    return sum(part.gap.size for part in evidence.parts) >= LEAST_ENTRIES


def _graphs(evidence: Evidence) -> list[GraphModule]:
    return [one.instance.exact(evidence.wrt, one.point).graph for one in evidence.comparisons]


def _kept(evidence: Evidence, graphs: Sequence[GraphModule]) -> list[dict[str, Any]]:
    points = [comparison.point for comparison in evidence.comparisons]
    return [_values(graph, point.tensors) for graph, point in zip(graphs, points, strict=True)]


def proportional_term(evidence: Evidence) -> str | None:
    """The difference is a multiple of one term: an input, or any node of the exact derivative."""
    if not _is_enough(evidence):
        return None
    graphs = _graphs(evidence)
    kept, names = _kept(evidence, graphs), names_of(evidence.comparisons[0], graphs[0])
    dims = [part.dims for part in evidence.parts]
    for node in graphs[0].graph.nodes:
        for is_turned in (False, True):
            pairs = zip(evidence.parts, kept, strict=True)
            found = [_ratio(part.gap, values.get(node.name), is_turned) for part, values in pairs]
            ratios = [ratio for ratio in found if ratio is not None]
            if len(ratios) == len(evidence.parts) and _entries(node, kept) >= LEAST_ENTRIES:
                text = spelled(node, names)
                words = _of_term(text + ".T" * is_turned if text else None, ratios, dims)
                if words:
                    return words
    return None


def _entries(node: Node, kept: Sequence[dict[str, Any]]) -> int:
    """Number of entries of a node that are not zero, over all points."""
    values = [values.get(node.name) for values in kept]
    return sum(int(torch.count_nonzero(value)) for value in values if isinstance(value, torch.Tensor))


def _of_term(term: str | None, ratios: Sequence[float], dims: Sequence[dict[str, int]]) -> str | None:
    written, known = name_factor(ratios, dims)
    end = f": {term}" if term else ""
    if all(is_close(ratio, -1.0) for ratio in ratios):
        return f"a term is missing{end}"
    if all(is_close(ratio, 1.0) for ratio in ratios):
        return f"an extra term{end}" if term else None
    if known is None and not all(is_close(ratio, ratios[0]) for ratio in ratios):
        return None
    what = f"the difference is {written} times {term}"
    return f"a term is missing, extra, or of the wrong sign: {what}" if term else None


def _beyond_decisions(graph: GraphModule) -> set[Node]:
    """The nodes that enter the result other than through a comparison or a sign.

    A changed operand of a comparison changes which entries a mask selects, and is no evidence of a missing term.
    """
    reached: set[Node] = set()
    waiting = list(graph.graph.output_node().all_input_nodes)
    while waiting:
        node = waiting.pop()
        value = node.meta.get("val")
        is_decided = isinstance(value, torch.Tensor) and not value.is_floating_point() and not value.is_complex()
        if node not in reached and not is_decided and overload_name(node.target) != "sign":
            reached.add(node)
            waiting += node.all_input_nodes
    return reached


def _alterations(graph: GraphModule) -> Iterator[tuple[Node, str, Mistake]]:
    """Every sum of two values, with each mistake in it: how the mistake is worded, and what it computes."""
    smooth = _beyond_decisions(graph)
    for node in graph.graph.nodes:
        name = overload_name(node.target) if node.op == "call_function" and node in smooth else ""
        if name not in ("add", "sub") or not any(isinstance(argument, Node) for argument in node.args[:2]):
            continue
        sign = 1 if name == "add" else -1
        yield node, "the first term were missing", lambda a, b, s=sign: 0 * a + s * b
        yield node, "the second term were missing", lambda a, b, s=sign: a + 0 * b
        yield node, "the first term had the other sign", lambda a, b, s=sign: -a + s * b
        yield node, "the second term had the other sign", lambda a, b, s=sign: a - s * b
        yield node, "the first term were doubled", lambda a, b, s=sign: 2 * a + s * b
        yield node, "the second term were doubled", lambda a, b, s=sign: a + 2 * s * b
        yield node, "the first term were halved", lambda a, b, s=sign: a / 2 + s * b
        yield node, "the second term were halved", lambda a, b, s=sign: a + s * b / 2


def _altered(graph: GraphModule, at: str, mistake: Mistake, comparison: Comparison, i: int) -> Array:
    """Part `i` of a graph's result with another function at one node."""

    class Altered(Interpreter):
        def run_node(self, n: Node) -> Any:
            if n.name != at:
                return super().run_node(n)
            args, _ = self.fetch_args_kwargs_from_env(n)
            return mistake(*args[:2])

    with torch.no_grad():
        results = Altered(graph).run(*comparison.point.tensors, enable_io_processing=False)
    value: Array = results[i].double().numpy()
    return value


def altered_term(evidence: Evidence) -> str | None:
    """The gradient equals the exact derivative with one mistake in one of its sums, at all points."""
    graphs = _graphs(evidence)
    if not _is_enough(evidence) or len({len(graph.graph.nodes) for graph in graphs}) > 1:
        return None
    names = names_of(evidence.comparisons[0], graphs[0])
    for node, words, mistake in _alterations(graphs[0]):
        rows = zip(graphs, evidence.comparisons, evidence.parts, strict=True)
        if all(is_same(part.found, _altered(graph, node.name, mistake, one, evidence.i)) for graph, one, part in rows):
            text = spelled(node, names)
            return f"as if {words} in {text}" if text else f"as if {words} in a sum"
    return None


def chain_factor(evidence: Evidence) -> str | None:
    """The gradient lacks, or has twice, a factor that varies from entry to entry: a node of the exact derivative."""
    if not _is_enough(evidence):
        return None
    graphs = _graphs(evidence)
    kept, names = _kept(evidence, graphs), names_of(evidence.comparisons[0], graphs[0])
    for node in graphs[0].graph.nodes:
        for words, is_missing in (("is missing", True), ("is applied once too often", False)):
            if all(
                _has_factor(part, values.get(node.name), is_missing)
                for part, values in zip(evidence.parts, kept, strict=True)
            ):
                text = spelled(node, names)
                return f"a factor {words}: {text}" if text else None
    return None


def _has_factor(part: Part, value: Any, is_missing: bool) -> bool:
    """Whether found · value = truth, or found = truth · value."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.dim() > part.found.ndim:
        return False
    factor = value.double().numpy()
    if not _fits(factor, part):
        return False
    with np.errstate(all="ignore"):
        return is_same(part.found * factor, part.truth) if is_missing else is_same(part.found, part.truth * factor)


def _fits(factor: Array, part: Part) -> bool:
    pairs = zip(factor.shape[::-1], part.found.shape[::-1], strict=False)
    return all(one in (1, other) for one, other in pairs)


def symmetric_only(evidence: Evidence) -> str | None:
    """The gradient is right where a square input that it is with respect to is symmetric, and wrong elsewhere."""
    checked = evidence.comparisons[:3]
    for name, tensor in checked[0].point.inputs.items():
        if name in evidence.wrt and tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1]:
            seen = [_is_right_if_symmetric(evidence, one, name) for one in checked if len(one.point.inputs[name]) > 1]
            if seen and all(seen):
                return f"right only where {name} is symmetric"
    return None


def _is_right_if_symmetric(evidence: Evidence, comparison: Comparison, name: str) -> bool:
    tensor = comparison.point.inputs[name]
    changed = {**comparison.point.inputs, name: (tensor + tensor.T) / 2}
    graph = comparison.instance.exact(evidence.wrt, comparison.point).graph
    try:
        with torch.no_grad():
            found = call_on_copies(evidence.function, tuple(changed.values()), tuple(changed), "the form")[evidence.i]
            truth = graph(*changed.values())[evidence.i]
    except UncheckableError:  # a symmetric matrix may break a constraint on this input
        return False
    return is_same(found.detach().double().numpy(), truth.double().numpy())
