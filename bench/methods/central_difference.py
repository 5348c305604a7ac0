"""A numeric gradient from 2P losses."""

import math

import torch

from gradiometer.methods.method import Make, Objective


def central_difference(o: Objective) -> Make:
    """(L(x + h) − L(x − h)) / 2h, entry by entry.

    h is the largest power of two below the cube root of the dtype's epsilon, where truncation and rounding errors
    balance for a loss of scale 1 (Press et al., Numerical Recipes, 5.7). The quotient divides by the difference of the
    two rounded arguments, not by 2h.
    """
    step = 2.0 ** math.floor(math.log2(torch.finfo(o.point[0].dtype).eps) / 3)

    def call() -> tuple[torch.Tensor, ...]:
        moved = [tensor.clone() for tensor in o.point]
        gradients = []
        for tensor in moved:
            entries, slopes = tensor.view(-1), torch.empty_like(tensor)
            into = slopes.view(-1)
            for i in range(len(entries)):
                here = entries[i].clone()
                up = here + step
                down = here - step
                entries[i] = up
                above = o.loss(*moved)
                entries[i] = down
                into[i] = (above - o.loss(*moved)) / (up - down)
                entries[i] = here
            gradients.append(slopes)
        return tuple(gradients)

    return lambda: call
