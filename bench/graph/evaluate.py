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
from torch.fx import GraphModule, Interpreter
from torch.utils._pytree import tree_leaves, tree_map

from gradiometer.graph.trace import UnknownOperationError, overload_name

MOVES = {
    "_reshape_alias", "_unsafe_view", "alias", "as_strided", "as_strided_scatter", "cat", "clone", "constant_pad_nd",
    "copy", "detach", "diag_embed", "diagonal", "diagonal_copy", "diagonal_scatter", "expand", "flip", "gather",
    "index", "index_put", "index_select", "lift_fresh_copy", "permute", "repeat", "roll", "scatter", "select",
    "select_backward", "select_scatter", "slice", "slice_backward", "slice_scatter", "split", "split_with_sizes",
    "squeeze", "stack", "t", "transpose", "tril", "triu", "unbind", "unfold", "unsqueeze", "view", "where",
}  # fmt: skip
"""Operations in which every output entry is an input entry or zero."""

POSITIONS = {"gather": 2, "index": 1, "index_put": 1, "index_select": 2, "scatter": 2, "scatter_add": 2, "where": 0}
"""Operation → the argument that holds positions; its tensors are not operands."""

LIKES = {
    "empty_like", "full_like", "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones_like",
    "zeros_like",
}  # fmt: skip
"""Operations that use only the shape of their operand."""

CASTS = {"_to_copy", "convert_element_type"}
"""Changes of dtype. Between floating dtypes they round in PyTorch and are the identity in mathematics."""

STORAGE_KEYWORDS = {"device", "dtype", "layout", "memory_format", "non_blocking", "pin_memory"}
"""Keyword arguments that say where and how numbers are stored; evaluation ignores them."""


class UndecidedError(ArithmeticError):
    """A comparison of overlapping enclosures; a higher precision may decide it."""


@dataclass(frozen=True)
class Arithmetic:
    """One kind of numbers and its operations.

    `operations` maps an aten name to a function of values of type `value` (each has a `shape`) and Python numbers;
    `index_put` is the accumulating one. `lift` converts an input, `literal` a constant tensor of the program, `scalar`
    a Python float of the program. `gather(parts, index)` picks entries: index 0 is zero, then follow the entries of all
    parts in row-major order. `table` names the table and file of the operations, for messages.
    """

    name: str
    table: str
    value: type[Any]
    operations: Mapping[str, Callable[..., Any]]
    lift: Callable[[torch.Tensor], Any]
    literal: Callable[[torch.Tensor], Any]
    scalar: Callable[[float], Any]
    gather: Callable[[list[Any], np.ndarray[Any, Any]], Any]


def is_real(value: Any) -> bool:
    """Whether a value is a tensor of floating dtype."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def accumulates(name: str, args: Sequence[Any]) -> bool:
    """Whether an operation is an index_put that adds to the present entries instead of replacing them."""
    return name == "index_put" and len(args) > 3 and bool(args[3])


class _Evaluator(Interpreter):
    """An fx interpreter whose values belong to an arithmetic."""

    def __init__(self, graph: GraphModule, arithmetic: Arithmetic) -> None:
        super().__init__(graph)
        self.arithmetic = arithmetic
        self.function = graph.meta.get("function", "the function")

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """One operation. A constant remains a tensor until it is combined with a value or computed with."""
        if target is operator.getitem:
            return target(*args)
        name, operations = overload_name(target), self.arithmetic.operations
        computes = name in operations and name not in MOVES
        if not any(isinstance(leaf, self.arithmetic.value) for leaf in tree_leaves((args, kwargs))):
            constant = target(*args, **kwargs)
            is_made = not any(map(is_real, tree_leaves(args)))
            if not is_real(constant) or (is_made and not computes) or name in MOVES | LIKES | CASTS:
                return constant
        if name in LIKES:
            return target(*tree_map(self._shape_alone, args), **kwargs)
        if name in CASTS:
            return self._cast(target, args, kwargs)
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
            f"the exact checker does not support {target} in {self.function} yet; "
            f"a rule for it belongs in {self.arithmetic.table}"
        )

    def _number(self, leaf: Any) -> Any:
        """A float of the program as an int where it is one, else as a value; a tensor as a value."""
        if isinstance(leaf, float):
            return int(leaf) if leaf.is_integer() else self.arithmetic.scalar(leaf)
        if isinstance(leaf, torch.Tensor):
            return self.arithmetic.literal(leaf) if is_real(leaf) else self.arithmetic.lift(leaf)
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
        if dtype is not None and not dtype.is_floating_point:  # rounding to integers: no arithmetic supports it
            raise self._unknown(target)
        return args[0]

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


def evaluate(graph: GraphModule, inputs: Sequence[Any], arithmetic: Arithmetic) -> list[Any]:
    """The outputs of the graph over an arithmetic, one value each; tensors in `inputs` are lifted exactly.

    Raises UnknownOperationError, which names the operation, the function and the table to extend, and UndecidedError
    where a comparison of enclosures cannot be decided.
    """
    lifted = [arithmetic.lift(value) if isinstance(value, torch.Tensor) else value for value in inputs]
    with torch.no_grad():
        try:
            result = _Evaluator(graph, arithmetic).run(*lifted, enable_io_processing=False)
        except (UnknownOperationError, UndecidedError) as error:  # the interpreter appends lines to the message
            raise type(error)(str(error).splitlines()[0]) from None
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    return [arithmetic.literal(value) if is_real(value) else value for value in results]
