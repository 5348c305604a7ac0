"""Evaluate a traced graph over any arithmetic: each operation is looked up in the arithmetic's table.

Operations that only move entries (views, selections, concatenations, scatters) need no table: PyTorch moves the
positions of the entries, and the arithmetic gathers the entries. PyTorch itself computes constants, integers and
booleans.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Interpreter, Node
from torch.utils._pytree import tree_leaves, tree_map

from gradiometer.graph.equal_nodes import merge_equal_nodes
from gradiometer.graph.open_decisions import LOGIC, for_all_outcomes, is_open
from gradiometer.graph.operation_kinds import (
    CASTS,
    DECISIONS,
    LIKES,
    MOVES,
    POSITIONS,
    SELECTIONS,
    SELECTS,
    STORAGE_KEYWORDS,
    TRUTHS,
)
from gradiometer.graph.trace import UnknownOperationError, overload_name


class UndecidedError(ArithmeticError):
    """A comparison of overlapping enclosures; a higher precision may decide it."""


@dataclass(frozen=True)
class Arithmetic:
    """One kind of numbers and its operations.

    `operations` maps an aten name to a function of values of type `value` (each has a `shape`) and Python numbers;
    `index_put` is the accumulating one. `lift` converts an input, `literal` a constant tensor of the program, `scalar`
    a Python float of the program. `gather(parts, index)` picks entries: index 0 is zero, then follow the entries of all
    parts in row-major order. `table` names the table and file of the operations, for messages. Four names of the table
    are no operations of aten: `to_complex(x)` and `to_real(x)` are changes of dtype (without them, all numbers are
    real), `integer_part(x)` rounds towards zero to a tensor of integers, and `ranks(x, dim, which)` returns a float64
    tensor whose entries are ordered along `dim` as those of x (all dimensions for None; with `which` "largest" or
    "smallest", only the extreme entries have the extreme rank).
    """

    name: str
    table: str
    value: type[Any]
    operations: Mapping[str, Callable[..., Any]]
    lift: Callable[[torch.Tensor], Any]
    literal: Callable[[torch.Tensor], Any]
    scalar: Callable[[float], Any]
    gather: Callable[[list[Any], np.ndarray[Any, Any]], Any]


def accumulates(name: str, args: Sequence[Any]) -> bool:
    """Whether an operation is an index_put that adds to the present entries instead of replacing them."""
    return name == "index_put" and len(args) > 3 and bool(args[3])


def has_cotangent(value: Any) -> bool:
    """Whether a value is a tensor of floating or complex dtype; integers and booleans have no derivative."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


class _Evaluator(Interpreter):
    """An fx interpreter whose values belong to an arithmetic."""

    def __init__(self, graph: GraphModule, arithmetic: Arithmetic) -> None:
        super().__init__(graph, graph=merge_equal_nodes(graph))
        self.extra_traceback = False  # it imports the compiler when an operation is not known
        self.arithmetic = arithmetic
        self.function = graph.meta.get("function", "the function")
        self.constants: dict[Node, Any] = {}

    def run_node(self, n: Node) -> Any:
        """One node. PyTorch decides the comparisons, casts and roundings of constants of the program."""
        if _is_constant(n) and n.op == "call_function" and _decides(n):
            return self._constant(n)
        return super().run_node(n)

    def _constant(self, node: Node) -> Any:
        """The value of a constant of the program as PyTorch computes it."""
        if node not in self.constants:
            if node.op == "get_attr":
                self.constants[node] = self.fetch_attr(str(node.target))
            else:
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), self._constant)
                self.constants[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return self.constants[node]

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """One operation. A constant remains a tensor until it is combined with a value or computed with."""
        if target is operator.getitem:
            return target(*args)
        if is_open((args, kwargs)):
            return self._with_open_decisions(target, args, kwargs)
        name, operations = overload_name(target), self.arithmetic.operations
        computes = name in operations and name not in MOVES
        if not any(isinstance(leaf, self.arithmetic.value) for leaf in tree_leaves((args, kwargs))):
            constant = target(*args, **kwargs)
            is_made = not any(map(has_cotangent, tree_leaves(args)))
            is_decided = not any(map(has_cotangent, tree_leaves(constant)))
            if is_decided or (is_made and not computes) or name in MOVES | LIKES | CASTS:
                return constant
        if name in LIKES:
            return target(*tree_map(self._shape_alone, args), **kwargs)
        if name in CASTS:
            return self._cast(target, args, kwargs)
        dtype = torch.bool if name in TRUTHS else kwargs.get("dtype")
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            return target(*tree_map(lambda leaf: self._integers(target, leaf, dtype), args), **kwargs)
        if name in SELECTIONS and (isinstance(args[0], self.arithmetic.value) or has_cotangent(args[0])):
            return self._select(target, args, kwargs)
        is_move = name in MOVES and not accumulates(name, args)
        if name in operations and not (is_move and name == "index_put"):
            options = {key: self._number(value) for key, value in kwargs.items() if key not in STORAGE_KEYWORDS}
            try:
                return operations[name](*self._operands(name, args), **options)
            except TypeError as error:  # an overload whose arguments the table's function does not take
                raise self._unknown(target) from error
        if is_move:
            return self._move(target, self._operands(name, args), kwargs)
        raise self._unknown(target)

    def _unknown(self, target: Any) -> UnknownOperationError:
        return UnknownOperationError(
            f"no exact evaluation is known for {target} in {self.function} ({self.arithmetic.name})"
        )

    def _with_open_decisions(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An operation on a decision that is open in some entries. Raises UndecidedError where the outcome matters."""
        name = overload_name(target)
        if name == "where" and not is_open(args[1:]):
            return self.arithmetic.operations["either"](args[0], *map(self._number, args[1:]))
        if name not in LOGIC | MOVES or any(isinstance(leaf, self.arithmetic.value) for leaf in tree_leaves(args)):
            raise UndecidedError("two enclosures overlap, so their order cannot be decided")
        return for_all_outcomes(target, args, kwargs)

    def _number(self, leaf: Any) -> Any:
        """A float of the program as an int where it is one, else as a value; a tensor as a value."""
        if isinstance(leaf, float):
            return int(leaf) if leaf.is_integer() else self.arithmetic.scalar(leaf)
        if isinstance(leaf, complex):
            leaf = torch.tensor(leaf, dtype=torch.complex128)
        if isinstance(leaf, torch.Tensor):
            return self.arithmetic.literal(leaf) if has_cotangent(leaf) else self.arithmetic.lift(leaf)
        return leaf

    def _operands(self, name: str, args: Any) -> list[Any]:
        """The arguments as values; an argument that holds positions is left as it is."""
        return [arg if POSITIONS.get(name) == i else tree_map(self._number, arg) for i, arg in enumerate(args)]

    def _shape_alone(self, leaf: Any) -> Any:
        if isinstance(leaf, self.arithmetic.value):
            return torch.zeros((), dtype=torch.float64).expand(leaf.shape)
        return leaf

    def _cast(self, target: Any, args: Any, kwargs: Any) -> Any:
        dtype = kwargs.get("dtype", args[1] if len(args) > 1 else None)
        if dtype is None:
            return args[0]
        if not (dtype.is_floating_point or dtype.is_complex):
            return self._integers(target, args[0], dtype)
        convert = self.arithmetic.operations.get("to_complex" if dtype.is_complex else "to_real")
        if convert is None and dtype.is_complex:
            raise self._unknown(target)
        return args[0] if convert is None else convert(args[0])

    def _integers(self, target: Any, leaf: Any, dtype: torch.dtype) -> Any:
        """A value rounded towards zero, or whether it is not zero, as a tensor; other arguments as they are."""
        if not isinstance(leaf, self.arithmetic.value):
            return leaf
        name = "ne" if dtype == torch.bool else "integer_part"
        if name not in self.arithmetic.operations:
            raise self._unknown(target)
        decide = self.arithmetic.operations[name]
        decided = decide(leaf, 0) if dtype == torch.bool else decide(leaf)
        if is_open(decided):
            raise UndecidedError("an enclosure contains 0 and other numbers, so whether it is 0 cannot be decided")
        return decided.to(dtype)

    def _select(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A selection along a dimension: PyTorch selects by the ranks of the entries, so its rule for ties holds."""
        if "ranks" not in self.arithmetic.operations:
            raise self._unknown(target)
        x, options = self._number(args[0]), arguments_of(target, args, kwargs)
        dim: Any = options.get("dim")
        ranks = self.arithmetic.operations["ranks"](x, dim, SELECTS.get(overload_name(target), "all"))
        found = target(ranks, *args[1:], **kwargs)
        if isinstance(found, torch.Tensor):
            return found
        places = torch.arange(1, ranks.numel() + 1).reshape(ranks.shape)
        kept = found[1] if options.get("keepdim", True) or not ranks.dim() else found[1].unsqueeze(dim)
        entries = torch.gather(places, dim, kept).reshape(found[1].shape)
        return self.arithmetic.gather([x], entries.numpy()), found[1]

    def _move(self, target: Any, args: list[Any], kwargs: Any) -> Any:
        parts: list[Any] = []
        filled = 1

        def positions(leaf: Any) -> Any:
            nonlocal filled
            if not isinstance(leaf, self.arithmetic.value):
                return leaf
            parts.append(leaf)
            entries = torch.Size(leaf.shape).numel()
            filled += entries
            return torch.arange(filled - entries, filled).reshape(leaf.shape)

        places = tree_map(positions, args)
        is_padded = overload_name(target) == "constant_pad_nd" and len(args) > 2 and args[2] != 0
        if is_padded or "reduce" in getattr(target, "_overloadname", ""):  # the result holds other values than entries
            raise self._unknown(target)
        moved = target(*places, **{key: value for key, value in kwargs.items() if key not in STORAGE_KEYWORDS})
        return tree_map(lambda index: self.arithmetic.gather(parts, index.numpy()), moved)


def arguments_of(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an aten operation by name, with its defaults."""
    named = {argument.name: argument.default_value for argument in target._schema.arguments}
    return {**named, **dict(zip(named, args, strict=False)), **kwargs}


def _decides(node: Node) -> bool:
    """Whether a node turns numbers into integers, booleans or whole numbers."""
    if not node.all_input_nodes:
        return False
    value = node.meta.get("val")
    is_decided = isinstance(value, torch.Tensor) and not has_cotangent(value)
    return is_decided or overload_name(node.target) in DECISIONS | SELECTIONS


def _is_constant(node: Node) -> bool:
    """Whether a node depends on no input of the graph."""
    if "constant" not in node.meta:
        node.meta["constant"] = node.op != "placeholder" and all(map(_is_constant, node.all_input_nodes))
    return bool(node.meta["constant"])


def evaluate(graph: GraphModule, inputs: Sequence[Any], arithmetic: Arithmetic) -> list[Any]:
    """The outputs of the graph over an arithmetic, one value each; floating tensors in `inputs` are lifted exactly.

    Integer and boolean inputs are labels, positions and masks; PyTorch computes with them.

    Raises UnknownOperationError, which names the operation, the function and the table to extend, and UndecidedError
    where a comparison of enclosures cannot be decided.
    """
    lifted = [arithmetic.lift(value) if has_cotangent(value) else value for value in inputs]
    with torch.no_grad():
        result = _Evaluator(graph, arithmetic).run(*lifted, enable_io_processing=False)
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    if is_open(results):
        raise UndecidedError("two enclosures overlap, so their order cannot be decided")
    return [arithmetic.literal(value) if has_cotangent(value) else value for value in results]
