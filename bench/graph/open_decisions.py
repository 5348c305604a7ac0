"""Decisions on enclosures that overlap, in some entries of a tensor of booleans.

An open decision does no harm where both outcomes give the same number. This is common: a correlation of a variable with
itself is 1 and lies at the bound of a clamp, and both sides of that clamp have the derivative 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

LOGIC = {
    "all", "any", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "logical_and", "logical_not",
    "logical_or", "logical_xor", "ne",
}  # fmt: skip
"""Operations on booleans that are constant if they agree for all outcomes of open entries."""


@dataclass(frozen=True)
class OpenDecision:
    """Booleans of which some are open: `holds` counts where `known` is true."""

    known: torch.Tensor
    holds: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor of booleans."""
        return self.holds.shape

    def filled(self, outcome: bool) -> torch.Tensor:
        """The booleans with one outcome for all open entries."""
        return torch.where(self.known, self.holds, outcome)


def is_open(arguments: Any) -> bool:
    """Whether any argument, alone or in a list, is an open decision."""
    return any(isinstance(leaf, OpenDecision) for leaf in tree_leaves(arguments))


def for_all_outcomes(operation: Callable[..., torch.Tensor], args: Any, kwargs: Any) -> Any:
    """An operation of LOGIC, or a move of entries, on booleans of which some are open."""
    places = [i for i, arg in enumerate(args) if isinstance(arg, OpenDecision)]
    found = []
    for outcomes in product((False, True), repeat=len(places)):
        chosen = dict(zip(places, outcomes, strict=True))
        filled = [arg.filled(chosen[i]) if i in chosen else arg for i, arg in enumerate(args)]
        found.append(operation(*filled, **kwargs))
    known = torch.stack([result == found[0] for result in found]).all(0)
    return found[0] if known.all() else OpenDecision(known, found[0])
