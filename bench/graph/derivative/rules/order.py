"""Derivative rules of scans and order statistics.

A selection passes its cotangent to the entry that PyTorch selects, also among ties. `amax` and `amin`, the reductions
over several dimensions, share it equally (rules/core.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

Tensor = torch.Tensor


def _selected(place: int, is_reduced: bool = True) -> Callable[..., Sequence[Tensor | None]]:
    """The rule of a selection that returns entries and their indices; `place` is the dimension's place after x."""

    def rule(g: Sequence[Any], y: Any, x: Tensor, *args: Any, **options: Any) -> Sequence[Tensor | None]:
        dim = args[place] if len(args) > place else options.get("dim", -1)
        keepdim = args[place + 1] if len(args) > place + 1 else options.get("keepdim", False)
        to, index = g[0], y[1]
        if is_reduced and not keepdim and x.dim():
            to, index = to.unsqueeze(dim), index.unsqueeze(dim)
        return (torch.zeros_like(x).scatter_add(dim, index, to),)

    return rule


RULES: Mapping[str, Callable[..., Any]] = {
    "cummax": _selected(0, is_reduced=False),
    "cummin": _selected(0, is_reduced=False),
    "kthvalue": _selected(1),
    "max": _selected(0),
    "median": _selected(0),
    "min": _selected(0),
    "mode": _selected(0),
    "nanmedian": _selected(0),
    "sort": _selected(0, is_reduced=False),
    "topk": _selected(1, is_reduced=False),
}
"""Operation → its rule."""
