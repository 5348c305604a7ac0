"""Record the aten operations of one call of a PyTorch function as an fx graph.

The function runs as it is, so branches on the data, `torch.autograd` inside the function, closures and in-place
operations need no special treatment. Composite operations are decomposed by DECOMPOSITIONS while they run.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.fx import Graph, Node
from torch.fx.node import map_aggregate
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import one_hot
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from gradiometer.graph.decompositions import DECOMPOSITIONS
from gradiometer.graph.modes import DispatchMode, ShapesAlone
from gradiometer.graph.saved_results import LastCall

aten: Any = torch.ops.aten
Tensor = torch.Tensor

OUTSIDE = {
    Tensor.numpy: ".numpy()",
    Tensor.__array__: ".numpy()",
    Tensor.tolist: ".tolist()",
    Tensor.__dlpack__: "DLPack",
    Tensor.data_ptr: ".data_ptr()",
    Tensor.data.__set__: "an assignment to .data",  # type: ignore[attr-defined]  # a property
}
"""Methods that read or replace values without an operation."""
SIZED_BY_DATA = ("nonzero", "unique_consecutive", "_unique2", "unique_dim")
"""Operations whose result has a shape that depends on the data. The result becomes a constant of the graph."""
ERASED = ("_assert_async", "_linalg_check_errors", "_assert_scalar", "_assert_tensor_metadata")
"""Operations that check something and compute nothing."""


def _one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """`one_hot` of labels in range without reading them; a real call tells whether they are in range."""
    if num_classes < 1:
        return one_hot(tensor, num_classes)
    classes = torch.arange(num_classes, device=tensor.device)
    return (tensor.unsqueeze(-1) == classes).to(torch.int64)


class _PythonCalls(TorchFunctionMode):
    """Observes calls of PyTorch's Python interface that leave no operation behind."""

    def __init__(self) -> None:
        super().__init__()
        self.recorder: Recorder | None = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in OUTSIDE and self.recorder is not None and self.recorder.is_varying(args[0]):
            self.recorder.outside = self.recorder.outside or OUTSIDE[function]
        if function is one_hot and self.recorder is not None:
            return _one_hot(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


class Recorder(DispatchMode):
    """Writes every operation that runs inside it into `graph`.

    Tensors from outside become constants (buffers of `root`) with the values that they have at their first use.
    Results under `torch.no_grad()` are constants for the derivative, as in autograd.

    Facts about the call: `outside`, how it read values without an operation; `branches_on_data`, whether it read a
    number or positions that depend on the inputs, so that the graph holds at these inputs only; `reads_numbers`,
    whether such a number was a float; `writes`, whether operations write in place.
    """

    def __init__(self, inputs: Sequence[Tensor], calls: _PythonCalls) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph, self.root = Graph(), torch.nn.Module()
        self.branches_on_data = self.reads_numbers = self.writes = False
        self.outside: str | None = None
        self._calls = calls
        self._nodes: Any = WeakTensorKeyDictionary()
        self._varying: set[Node] = set()
        self._detached: dict[Node, Node] = {}
        self._last = LastCall()
        calls.recorder = self
        for i, tensor in enumerate(inputs):
            self._varying.add(self._name(self.graph.placeholder(f"x{i}"), tensor))

    def is_varying(self, tensor: Any) -> bool:
        """Whether a tensor depends on the inputs."""
        return isinstance(tensor, Tensor) and self._nodes.get(tensor) in self._varying

    def node_of(self, tensor: Tensor) -> Node:
        """The node that computes a tensor. A tensor from outside becomes a constant."""
        if tensor not in self._nodes:
            name = f"constant{len(self.root._buffers)}"
            if isinstance(tensor, FakeTensor):  # stored by a call without data
                raise ValueError("it uses a stored tensor that has no data")
            with unset_fake_temporarily():
                value = tensor.detach().clone()
            self.root.register_buffer(name, value)
            self._name(self.graph.get_attr(name), tensor)
        found: Node = self._nodes[tensor]
        return found

    def _name(self, node: Node, tensor: Tensor) -> Node:
        self._nodes[tensor] = node
        node.meta["val"] = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
        return node

    def _call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node:
        node = self.graph.call_function(target, args, kwargs)
        if any(source in self._varying for source in node.all_input_nodes):
            self._varying.add(node)
        return node

    def _constant(self, node: Node) -> Node:
        """A node's value as a constant for the derivative."""
        if node not in self._varying or not (node.meta["val"].is_floating_point() or node.meta["val"].is_complex()):
            return node
        if node not in self._detached:
            self._detached[node] = self._call(aten.detach.default, (node,), {})
            self._detached[node].meta["val"] = node.meta["val"]
        return self._detached[node]

    def __torch_dispatch__(self, target: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        caller = sys._getframe(1)
        is_saved = target is aten.detach.default and self._last.saves(caller, args[0])
        result = self._performed(target, args, kwargs or {}, is_saved)
        self._last.note(caller, result)
        return result

    def _performed(self, target: Any, args: Any, kwargs: Any, is_saved: bool) -> Any:
        """The result of one operation, which is recorded, or replaced by its decomposition."""
        name = target.overloadpacket.__name__
        if name in ERASED:
            return None
        if target.namespace == "prim":  # a query of the device
            return target(*args, **kwargs)
        decompose = DECOMPOSITIONS.get(target, target.decompose if target._can_decompose() else None)
        if decompose is not None:
            with self:
                result = decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if name in ("index", "index_put", "index_put_", "masked_select"):
            target, args = self._by_position(target, args)
        result = target(*args, **kwargs)
        if name in ("_local_scalar_dense", "allclose", "equal") or name in SIZED_BY_DATA:
            is_read = any(map(self.is_varying, args))
            self.branches_on_data |= is_read
            self.reads_numbers |= is_read and isinstance(result, (float, complex))
        elif name == "lift_fresh" or is_saved:
            self._nodes[result] = self.node_of(args[0])  # a literal; autograd saves a tensor for its backward pass
        else:
            self._record(target, args, kwargs, result)
        return result

    def _record(self, target: Any, args: Any, kwargs: Any, result: Any) -> None:
        written = _written(target, args, kwargs)
        if self._is_index(args, kwargs, result):
            if written:
                self._forget(written)
            return
        is_differentiable = torch.is_grad_enabled() or _in_forward_pass()
        self.writes |= bool(written)

        def node_of(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            is_kept = is_differentiable or any(leaf is one for one in written)
            return self.node_of(leaf) if is_kept else self._constant(self.node_of(leaf))

        node = self._call(target, map_aggregate(tuple(args), node_of), map_aggregate(kwargs, node_of))
        if node in self._varying:
            self._varying.update(map(self.node_of, written))
        if isinstance(result, Tensor):
            if any(result is one for one in written):
                node.meta["val"] = self.node_of(result).meta["val"]
            else:
                self._name(node, result)
        elif isinstance(result, (tuple, list)):
            for i, part in enumerate(result):
                if isinstance(part, Tensor):
                    self._name(self._call(operator.getitem, (node, i), {}), part)

    def _is_index(self, args: Any, kwargs: Any, result: Any) -> bool:
        """Whether a result holds integers or booleans that do not depend on the inputs; they become constants."""
        results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        is_real = any(leaf.is_floating_point() or leaf.is_complex() or isinstance(leaf, FakeTensor) for leaf in results)
        return not is_real and not any(map(self.is_varying, tree_leaves((args, kwargs))))

    def _forget(self, written: Sequence[Tensor]) -> None:
        """Forget the constants that share memory with tensors that were written to."""
        storages = {tensor.untyped_storage()._cdata for tensor in written}
        for tensor in [one for one in self._nodes if one.untyped_storage()._cdata in storages]:
            del self._nodes[tensor]

    def _by_position(self, target: Any, args: Any) -> tuple[Any, Any]:
        """An operation on a mask as one without a shape that depends on the data.

        An assignment of one number becomes `masked_fill`; elsewhere the positions of a mask become constants.
        """
        if target is aten.masked_select.default:
            x, mask = torch.broadcast_tensors(*args)
            return self._by_position(aten.index.Tensor, (x, [mask]))
        x, indices, *rest = args
        if not any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices):
            return target, args
        with self:
            if len(indices) == 1 and rest and rest[0].dim() == 0 and not (len(rest) > 1 and rest[1]):
                mask = indices[0].bool().reshape(indices[0].shape + (1,) * (x.dim() - indices[0].dim()))
                is_written = target is aten.index_put_.default
                return (aten.masked_fill_ if is_written else aten.masked_fill).Tensor, (x, mask, rest[0])
            places: list[Tensor | None] = []
            for index in indices:
                is_mask = isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)
                places += aten.nonzero(index).unbind(1) if is_mask else [index]
        return target, (x, places, *rest)


def _in_forward_pass() -> bool:
    """Whether the caller is the forward pass of an autograd.Function, which runs without gradients."""
    code = torch.autograd.Function.apply.__func__.__code__  # type: ignore[attr-defined]  # a class method
    frame = sys._getframe()
    while frame is not None and frame.f_code is not record.__code__:
        if frame.f_code is code:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _written(target: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The arguments into which an operation writes."""
    found: list[Tensor] = []
    if target._schema.is_mutable:
        for i, argument in enumerate(target._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                value = args[i] if i < len(args) else kwargs.get(argument.name)
                found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
    return found


@contextmanager
def eager() -> Iterator[None]:
    """Inside, `torch.compile` returns the function itself, and compiled functions run the function inside."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch, "compile", _uncompiled))
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _uncompiled(model: Any = None, **_: Any) -> Any:
    return (lambda function: function) if model is None else model


@contextmanager
def by_definition() -> Iterator[None]:
    """Inside, operations with several implementations use the one that follows the definition."""
    is_enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with eager(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(is_enabled)


def record(function: Callable[..., Any], inputs: Sequence[Tensor], with_data: bool = True) -> tuple[Recorder, Any]:
    """Call a function once and return the record of its operations, and what the function returned.

    The result's tensors are replaced by their nodes, and the graph ends with them. Without data, the function gets
    tensors that have shapes only, so that the time does not depend on the sizes. Raises what the function raises.
    """
    with ExitStack() as stack:
        stack.enter_context(by_definition())
        if not with_data:
            mode = stack.enter_context(ShapesAlone())
            inputs = [mode.from_tensor(tensor) for tensor in inputs]
        calls = _PythonCalls()
        recorder = Recorder(inputs, calls)
        stack.enter_context(calls)
        stack.enter_context(recorder)
        stack.enter_context(torch.enable_grad())
        returned = function(*inputs)
    found = tree_map(lambda leaf: recorder.node_of(leaf) if isinstance(leaf, Tensor) else leaf, returned)
    recorder.graph.output(found)
    return recorder, returned
