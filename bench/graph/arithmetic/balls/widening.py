"""Rounded constants of a program as intervals of the numbers that round to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from flint import acb, arb

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.core import entrywise, exact
from gradiometer.graph.literals import half_unit, literal_precision


@dataclass
class Widening:
    """Replaces each rounded constant of a program by the interval of numbers that round to it.

    `count` is the number of constants replaced, `coarsest` the lowest precision among them, in bits.
    """

    coarsest: int = 53
    count: int = 0

    def number(self, value: float, dtype: torch.dtype = torch.float64) -> arb:
        """A constant of the program as a ball."""
        precision = literal_precision(value, dtype)
        if precision is None:
            return exact(value)
        self.coarsest, self.count = min(self.coarsest, precision), self.count + 1
        return arb(value, half_unit(value, precision))

    def tensor(self, constant: torch.Tensor) -> Array:
        """A constant tensor as balls; its dtype is the precision to which entries may have been rounded."""
        if constant.is_complex():
            parts = self.tensor(torch.view_as_real(constant.resolve_conj()))
            return entrywise(acb, 2)(parts[..., 0], parts[..., 1])
        return entrywise(lambda value: self.number(value, constant.dtype))(constant.detach().cpu().double().numpy())
