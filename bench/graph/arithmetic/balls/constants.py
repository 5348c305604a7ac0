"""Constants of a program as the numbers that they stand for, or as other numbers near them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from flint import arb, fmpq

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.core import entrywise
from gradiometer.graph.literals import Literal, literal


@dataclass
class Constants:
    """Reads a constant as its decimal plus the change in `changes`; `met` holds the constants that are not exact."""

    changes: Mapping[Literal, arb] = field(default_factory=dict)
    met: set[Literal] = field(default_factory=set)

    def number(self, value: float, dtype: torch.dtype = torch.float64) -> arb:
        """A constant of the program as a ball."""
        found = literal(value, dtype)
        if found is None:
            return arb(value)
        self.met.add(found)
        meant = arb(fmpq(*found.decimal.as_integer_ratio())) + self.changes.get(found, arb(0))
        return meant if value > 0 else -meant

    def tensor(self, constant: torch.Tensor) -> Array:
        """A constant tensor as balls; its dtype is the precision to which entries may have been rounded."""
        return entrywise(lambda value: self.number(value, constant.dtype))(constant.detach().cpu().double().numpy())
