"""Merge equal nodes of a traced graph, so that equal expressions have one value and compare as equal."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node


def _key(argument: Any) -> Any:
    """A hashable copy of an argument. Numbers carry their type, as 1, 1.0 and True are equal in Python."""
    if isinstance(argument, Node):
        return argument
    if isinstance(argument, (list, tuple)):
        return tuple(map(_key, argument))
    if isinstance(argument, dict):
        return tuple((name, _key(value)) for name, value in argument.items())
    return type(argument), repr(argument)  # of a float NaN, −0.0 and every digit count


def merge_equal_nodes(graph: GraphModule) -> Graph:
    """A copy of the graph in which nodes with the same operation and the same arguments are one node.

    The copy is made once and kept with the graph. Operations that draw random numbers or write stay as they are.
    """
    if "merged" not in graph.meta:
        merged = Graph()
        found: dict[Any, Node] = {}
        moved: dict[Node, Node] = {}
        for node in graph.graph.nodes:
            copy = merged.node_copy(node, moved.__getitem__)
            key = (node.op, node.target, _key(copy.args), _key(copy.kwargs))
            if node.op in ("call_function", "get_attr") and not _has_effects(node.target):
                moved[node] = found.setdefault(key, copy)
                if moved[node] is not copy:
                    merged.erase_node(copy)
            else:
                moved[node] = copy
        graph.meta["merged"] = merged
    kept: Graph = graph.meta["merged"]
    return kept


def _has_effects(target: Any) -> bool:
    schema = getattr(target, "_schema", None)
    return bool(schema and schema.is_mutable) or torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
