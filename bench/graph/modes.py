"""PyTorch's dispatch modes without its compiler.

At its first operation, a dispatch mode imports `torch._dynamo`, which takes seconds, to keep the compiler from tracing
the mode. Nothing here is compiled.
"""

from __future__ import annotations

from typing import Any

from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode


class DispatchMode(TorchDispatchMode):
    """Base class of modes that see every operation."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class ShapesAlone(FakeTensorMode):
    """Inside, tensors have shapes and no data; constants from outside may be combined with them."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    __torch_dispatch__: Any = getattr(
        FakeTensorMode.__torch_dispatch__, "__wrapped__", FakeTensorMode.__torch_dispatch__
    )

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
