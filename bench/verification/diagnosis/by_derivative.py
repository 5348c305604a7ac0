"""Hypotheses on how the derivative was taken: an operand treated as a constant, or a constant differentiated."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

import torch
from torch.fx import GraphModule, Node

from gradiometer.errors import GradiometerError
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.trace import overload_name
from gradiometer.verification.diagnosis.evidence import Evidence, is_same
from gradiometer.verification.diagnosis.missing_terms import names_of, spelled

MOST_SECONDS = 3.0
"""Time for trying the values of the loss one by one."""


def _matches(evidence: Evidence, graphs: list[GraphModule]) -> bool:
    """Whether the diagnosed part equals the derivative of changed losses at all points."""
    for comparison, part, graph in zip(evidence.comparisons, evidence.parts, graphs, strict=True):
        places = [comparison.instance.names.index(name) for name in evidence.wrt]
        changed = derivative(graph, comparison.point.tensors, places)
        with torch.no_grad():
            value = changed(*comparison.point.tensors)[evidence.i]
        if not is_same(part.found, value.double().numpy()):
            return False
    return True


def _losses(evidence: Evidence) -> list[GraphModule]:
    return [one.instance.traced_loss.at(one.point).graph for one in evidence.comparisons]


def _without_detach(graph: GraphModule) -> GraphModule | None:
    changed = copy.deepcopy(graph)
    found = [node for node in changed.graph.nodes if overload_name(node.target) == "detach"]
    for node in found:
        node.replace_all_uses_with(node.args[0])
        changed.graph.erase_node(node)
    changed.recompile()
    return changed if found else None


def stop_gradient_ignored(evidence: Evidence) -> str | None:
    """The derivative of the loss without its `detach` and `no_grad`."""
    graphs = [_without_detach(graph) for graph in _losses(evidence)]
    known = [graph for graph in graphs if graph is not None]
    if len(known) < len(graphs) or not _matches(evidence, known):
        return None
    return "a stop-gradient is ignored: it is the derivative of the loss without detach and no_grad"


def _detached(graph: GraphModule, name: str) -> GraphModule:
    """The graph with one value as a constant for the derivative."""
    changed = copy.deepcopy(graph)
    (node,) = [one for one in changed.graph.nodes if one.name == name]
    with changed.graph.inserting_after(node):
        constant = changed.graph.call_function(torch.ops.aten.detach.default, (node,))
    node.replace_all_uses_with(constant)
    constant.args = (node,)
    constant.meta["val"] = node.meta.get("val")
    changed.recompile()
    return changed


def _values(graph: GraphModule) -> Iterator[Node]:
    """The computed values of a graph, without those that only move entries of an input."""
    for node in graph.graph.nodes:
        if node.op == "call_function" and overload_name(node.target) not in ("detach", "view", "unsqueeze", "expand"):
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor) and value.is_floating_point() and node.all_input_nodes:
                yield node


def treated_as_constant(evidence: Evidence) -> str | None:
    """The derivative of the loss with one of its values as a constant: a branch that was not differentiated."""
    graphs, end = _losses(evidence), time.monotonic() + MOST_SECONDS
    if len({len(graph.graph.nodes) for graph in graphs}) > 1:
        return None
    names = names_of(evidence.comparisons[0], graphs[0])
    for node in _values(graphs[0]):
        if time.monotonic() > end:
            return None
        try:
            if _matches(evidence, [_detached(graph, node.name) for graph in graphs]):
                text = spelled(node, names)
                return f"as if {text} were a constant" if text else "as if a value of the loss were a constant"
        except (GradiometerError, RuntimeError, ValueError):
            continue
    return None
